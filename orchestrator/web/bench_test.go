package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// full is a contest of n teams with a verdict in every criterion.
func full(n int) *state {
	s := &state{}
	for i := range n {
		team := contest.Team{Slug: contest.Slug(fmt.Sprintf("team-%03d", i)), Name: fmt.Sprintf("Team number %d", i)}
		s.teams = append(s.teams, team)
		for j, service := range contest.Services() {
			v := contest.Verdict{
				Team: team, Service: service.Key, Criterion: service.Criterion, Status: contest.Passed, Score: j, At: noon().Add(time.Duration(i) * time.Second),
				Metrics: map[string]any{"p95": 812.25 + float64(i), "successRate": 99.25, "commitsCount": i, "totalSpent": 12500.0, "statusCode": 200},
			}
			if (i+j)%3 == 0 {
				v.Status = contest.Failed
			}
			s.verdicts = append(s.verdicts, v)
		}
	}
	return s
}

func TestResultsOfManyTeamsStaySmall(t *testing.T) {
	t.Parallel()
	const most = 400 << 10
	got := get(t, start(t, web.New(full(200).config()))+"/")
	if got.code != http.StatusOK || len(got.body) > most {
		t.Errorf("200 teams: %d and %d bytes, want 200 and at most %d", got.code, len(got.body), most)
	}
}

func BenchmarkResultsOf200Teams(b *testing.B) {
	h := web.New(full(200).config())
	var size int
	for b.Loop() {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
		size = answer.Body.Len()
	}
	b.ReportMetric(float64(size), "B/page")
}
