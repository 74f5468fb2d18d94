package k6

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	r := reader{client: client, base: "http://" + address}
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
	client   *http.Client
	base     string
	now      contest.Progress
	at       time.Time // of the last answer about metrics
	requests int64     // in it
}

// read brings the progress up to date. k6 does not answer before it is ready,
// nor when it has ended.
func (r *reader) read(ctx context.Context, metrics bool) error {
	var status struct {
		Data struct {
			Attributes struct {
				VUs int `json:"vus"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := r.get(ctx, "/v1/status", &status); err != nil {
		return err
	}
	r.now.VUs = status.Data.Attributes.VUs
	if !metrics {
		return nil
	}
	return r.readMetrics(ctx)
}

func (r *reader) readMetrics(ctx context.Context) error {
	var all struct {
		Data []struct {
			ID         string `json:"id"`
			Attributes struct {
				Sample map[string]float64 `json:"sample"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := r.get(ctx, "/v1/metrics", &all); err != nil {
		return err
	}
	asked := time.Now()
	for _, m := range all.Data {
		sample := m.Attributes.Sample
		switch m.ID {
		case "http_reqs":
			r.now.Requests = int64(sample["count"])
		case "http_req_duration":
			r.now.P95 = sample["p(95)"]
		case "dropped_iterations":
			r.now.Dropped = int64(sample["count"])
		case "http_req_failed":
			r.now.Failures = int64(sample["rate"]*float64(r.now.Requests) + 0.5)
		}
	}
	if seconds := asked.Sub(r.at).Seconds(); !r.at.IsZero() && seconds > 0 {
		r.now.RPS = float64(r.now.Requests-r.requests) / seconds
	}
	r.at, r.requests = asked, r.now.Requests
	return nil
}

func (r *reader) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path, nil)
	if err != nil {
		return err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("k6 answered %s", resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into)
}
