package launch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Remote asks a generator how far it is, by k6's REST API, which ours has too.
type Remote struct {
	Client *http.Client
	URL    string // "http://127.0.0.1:6565"
	Most   int64  // bytes of an answer that are read
}

// VUs returns how many virtual users there are.
func (r Remote) VUs(ctx context.Context) (int, error) {
	var status struct {
		Data struct {
			Attributes struct {
				VUs int `json:"vus"`
			} `json:"attributes"`
		} `json:"data"`
	}
	err := r.get(ctx, "/v1/status", &status)
	return status.Data.Attributes.VUs, err
}

// Metrics returns what the generator's metrics tell: requests and how many there
// are a second since its beginning, failures, dropped iterations and the p95. k6
// sorts all samples of a trend for it.
func (r Remote) Metrics(ctx context.Context) (contest.Progress, error) {
	var all struct {
		Data []struct {
			ID         string `json:"id"`
			Attributes struct {
				Sample map[string]float64 `json:"sample"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := r.get(ctx, "/v1/metrics", &all); err != nil {
		return contest.Progress{}, err
	}
	var p contest.Progress
	var failed float64
	for _, m := range all.Data {
		sample := m.Attributes.Sample
		switch m.ID {
		case "http_reqs":
			p.Requests, p.RPS = int64(sample["count"]), sample["rate"]
		case "http_req_duration":
			p.P95 = sample["p(95)"]
		case "http_req_failed":
			failed = max(sample["rate"], sample["value"])
		case "dropped_iterations":
			p.Dropped = int64(sample["count"])
		}
	}
	p.Failures = int64(failed*float64(p.Requests) + 0.5)
	return p, nil
}

func (r Remote) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+path, nil)
	if err != nil {
		return fmt.Errorf("ask a generator: %w", err)
	}
	answer, err := r.Client.Do(req)
	if err != nil {
		return fmt.Errorf("ask a generator: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("ask a generator: it answers %s", answer.Status)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, r.Most)).Decode(into); err != nil {
		return fmt.Errorf("ask a generator: %w", err)
	}
	return nil
}
