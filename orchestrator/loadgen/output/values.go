package output

import (
	"context"
	"maps"
	"time"

	"github.com/prometheus/prometheus/prompb"
)

// Value is one value of a series that somebody else counted. The labels of the
// configuration win over its own.
type Value struct {
	Name   string // with k6_ and its suffix
	Labels map[string]string
	Value  float64
}

// Send writes single values, all or none of them, trying again until ctx is
// done. It may be called without Run, which it does not disturb.
func (w *RemoteWrite) Send(ctx context.Context, values []Value) error {
	e := &encoder{fixed: w.cfg.Labels, at: time.Now().UnixMilli()}
	for _, v := range values {
		e.value(v.Name, e.labels(maps.All(v.Labels)), v.Value)
	}
	defer w.client.CloseIdleConnections()
	return w.send(ctx, &prompb.WriteRequest{Timeseries: e.series})
}
