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
	Name   string // without k6_, with its suffix
	Labels map[string]string
	Value  float64
}

// Send writes single values, trying again until ctx is done. It may be called
// without Run, which it does not disturb.
func (w *RemoteWrite) Send(ctx context.Context, values []Value) error {
	defer w.client.CloseIdleConnections()
	e := newEncoder(w.cfg.Labels)
	e.at, e.send = time.Now().UnixMilli(), func(req *prompb.WriteRequest) error { return w.send(ctx, req) }
	for _, v := range values {
		e.value(metricName{v.Name, ""}, e.book.from(maps.All(v.Labels)), v.Value)
	}
	e.flush()
	return e.err
}
