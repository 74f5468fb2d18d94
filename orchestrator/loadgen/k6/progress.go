package k6

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

const (
	progressEvery = 500 * time.Millisecond
	// k6 sorts all samples of a trend for each answer about metrics, so these are
	// asked for less often.
	metricsEvery = 10
	restTimeout  = 5 * time.Second
	maxAnswer    = 4 << 20 // bytes
)

// keepProgress rewrites the progress file by what k6's REST API says, until ctx
// is cancelled.
func (m *minder) keepProgress(ctx context.Context, address string, began time.Time) {
	if m.order.progress == "" {
		return
	}
	client := &http.Client{Timeout: restTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	r := reader{Remote: launch.Remote{Client: client, URL: "http://" + address, Most: maxAnswer}}
	told := false
	for i := 0; ; i++ {
		if r.read(ctx, i%metricsEvery == 0) == nil {
			r.now.Elapsed = contest.Duration(time.Since(began))
			if err := launch.WriteProgress(m.order.progress, r.now); err != nil && !told {
				told = true
				fmt.Fprintf(m.io.Stderr, "loadgen: %v\n", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(progressEvery):
		}
	}
}

// reader asks k6's REST API.
type reader struct {
	launch.Remote
	now contest.Progress
	at  time.Time // of the last answer about metrics
}

// read brings the progress up to date. k6 does not answer before it is ready,
// nor when it has ended.
func (r *reader) read(ctx context.Context, metrics bool) error {
	vus, err := r.VUs(ctx)
	if err != nil {
		return err
	}
	r.now.VUs = vus
	if !metrics {
		return nil
	}
	next, err := r.Metrics(ctx)
	if err != nil {
		return err
	}
	// Over the time since the last answer, not since the beginning.
	asked := time.Now()
	next.VUs, next.RPS = r.now.VUs, r.now.RPS
	if seconds := asked.Sub(r.at).Seconds(); !r.at.IsZero() && seconds > 0 {
		next.RPS = float64(next.Requests-r.now.Requests) / seconds
	}
	r.at, r.now = asked, next
	return nil
}
