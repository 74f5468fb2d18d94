package output

import (
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// Plan is what a test is meant to do and is doing, which no metric says.
type Plan struct {
	Length time.Duration // how long the test takes
	Phases []string      // k6 scenarios under way
}

// ProgressMetrics are the names of the metrics that Progress looks at.
func ProgressMetrics() []string {
	return []string{"http_reqs", "http_req_duration", "http_req_failed", "dropped_iterations", "vus"}
}

// Progress says for people how far a test is. The requests per second are those
// between the snapshots before and now; before may be nil.
func Progress(now, before *metric.Snapshot, plan Plan) contest.Progress {
	p := contest.Progress{
		Elapsed: contest.Duration(now.Elapsed), Planned: contest.Duration(plan.Length),
		Phase: strings.Join(plan.Phases, ","),
	}
	p.Requests = total(now, "http_reqs")
	if before == nil {
		before = &metric.Snapshot{}
	}
	if seconds := (now.Elapsed - before.Elapsed).Seconds(); seconds > 0 {
		p.RPS = float64(p.Requests-total(before, "http_reqs")) / seconds
	}
	if duration, ok := now.Merged("http_req_duration"); ok {
		p.P95 = duration.Quantile(0.95)
	}
	if failed, ok := now.Merged("http_req_failed"); ok {
		p.Failures = int64(failed.True)
	}
	p.Dropped = total(now, "dropped_iterations")
	if vus, ok := now.Merged("vus"); ok {
		p.VUs = int(vus.Last)
	}
	return p
}

func total(s *metric.Snapshot, name string) int64 {
	series, _ := s.Merged(name)
	return int64(series.Sum)
}
