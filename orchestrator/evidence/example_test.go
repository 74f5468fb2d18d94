package evidence_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/evidence"
)

// One run whose only generator counted 200 iterations and said goodbye.
func Example() {
	ended := time.Date(2025, 8, 16, 12, 0, 0, 0, time.UTC)
	query := func(_ context.Context, promql string, _ time.Time) ([]contest.Sample, error) {
		labels := map[string]string{"testid": "good-search-10-01jd", "instance_id": "0", "scenario": "steady"}
		switch {
		case strings.Contains(promql, "k6_.+_total"):
			labels["__name__"] = "k6_iterations_total"
			return []contest.Sample{{Labels: labels, Value: 200}}, nil
		case strings.Contains(promql, "k6_generator_finished"):
			labels["__name__"] = "k6_generator_finished"
			return []contest.Sample{{Labels: labels, Value: 1}}, nil
		}
		return nil, nil
	}
	run := evidence.Subject{
		Run:    contest.Run{ID: "01", TestID: "good-search-10-01jd"},
		Launch: contest.LaunchResult{Started: ended.Add(-time.Minute), Ended: ended, Generators: 1},
	}
	collected, err := evidence.Collect(context.Background(), query, ended, []evidence.Subject{run})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := collected["good-search-10-01jd"]
	fmt.Println(e.Count("iterations", "steady"), "iterations,", len(e.Gaps), "gaps")

	sealed, err := evidence.Seal(e)
	if err != nil {
		fmt.Println(err)
		return
	}
	sealed.JSON = []byte(strings.Replace(string(sealed.JSON), `"value":200`, `"value":300`, 1))
	fmt.Println(sealed.Check())
	// Output:
	// 200 iterations, 0 gaps
	// [counts/iterations/steady: the value was changed]
}
