package web_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

func TestResultsOfManyTeamsAreSentSmall(t *testing.T) {
	t.Parallel()
	url := start(t, web.New(full(200).config())) + "/"
	for coding, most := range map[string]int{"gzip": 40 << 10, "br;q=1, GZIP;q=0.5": 40 << 10, "identity": 400 << 10, "gzip;q=0": 400 << 10, "": 400 << 10} {
		t.Run(coding, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			require.NoError(t, err)
			req.Close = true
			req.Header.Set("Accept-Encoding", coding) // set by hand, so the client does not unpack
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			sent, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.LessOrEqual(t, len(sent), most)
			assert.Contains(t, resp.Header.Values("Vary"), "Accept-Encoding")
			page := sent
			if resp.Header.Get("Content-Encoding") == "gzip" {
				z, err := gzip.NewReader(bytes.NewReader(sent))
				require.NoError(t, err)
				page, err = io.ReadAll(z)
				require.NoError(t, err)
			}
			assert.Equal(t, 200, bytes.Count(page, []byte(`href="/teams/team-`)))
		})
	}
}

func BenchmarkResultsOf200Teams(b *testing.B) {
	h := web.New(full(200).config())
	var size int
	for b.Loop() {
		answer := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.Header.Set("Accept-Encoding", "gzip")
		h.ServeHTTP(answer, req)
		size = answer.Body.Len()
	}
	b.ReportMetric(float64(size), "B/page")
}
