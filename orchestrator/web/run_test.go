package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

func TestRunPageTells(t *testing.T) {
	t.Parallel()
	s := sample()
	paths := s.runsToSee()
	c := s.config()
	c.Course = func(context.Context, contest.Run) (*contest.Course, error) {
		return nil, errors.New("the store is down")
	}
	url := start(t, web.New(c))
	for name, tt := range map[string]struct{ has, lacks []string }{
		"run-passed": {has: []string{
			"1,497 of 1,500 requests were answered in under 2 s (99.8 %)", "No. The load generators stayed within their limits.", "11,840\u202frequests/s", "1,500 of 1,500 planned were delivered",
			`<polyline class="first"`, "Planned stages", "steady · judged", "The same as a table: 40 moments", "The bound of 2\u202fs is far above.",
		}, lacks: []string{"Conflicts and double sales", "The count decides.", "does not answer"}},
		"run-near":    {has: []string{"The p(95) lies between 1,988.01\u202fms and 2,009.99\u202fms, and so does the bound of 2\u202fs", "No, but it was near a limit.", "bound 2\u202fs"}},
		"run-invalid": {has: []string{"It may have been.", "97\u202f%", "<dd><b>212</b> <small>1,288 of 1,500 planned were delivered"}},
		"run-booking": {has: []string{"Conflicts and double sales", "<dd><b>1,183</b> <small>of 1,200 attempts", "<dd><b>1,204</b> <small>another visitor was quicker",
			"31 did, 199 were refused", `class="bad"><dt>Seats sold twice</dt><dd><b>8</b> <small>of 1,206 seats`}},
		"run-silent":     {has: []string{"The metric store does not answer at the moment", "Requests by latency", "Download", "100\u202f%"}, lacks: []string{"<polyline"}},
		"run-unanswered": {has: []string{"No load was put on the service.", "connection refused"}, lacks: []string{"<polyline", "Remarks"}},
	} {
		got := get(t, url+paths[name])
		require.Equal(t, http.StatusOK, got.code, name)
		for _, want := range tt.has {
			assert.True(t, strings.Contains(got.body, want), "%s lacks %q", name, want)
		}
		for _, not := range tt.lacks {
			assert.False(t, strings.Contains(got.body, not), "%s has %q", name, not)
		}
	}
	russian := get(t, url+paths["run-near"]+"?lang=ru")
	for _, want := range []string{"1\u00a0424 из 1\u00a0500 запросов быстрее 2\u202fс: 94,93\u202f%, нужно: ≥\u00a095\u202f%.", "Решает подсчёт.", "Ход прогона", "Задержка, с", `<p lang="ru">`} {
		assert.True(t, strings.Contains(russian.body, want), "lacks %q", want)
	}
	assert.False(t, strings.Contains(russian.body, `<p lang="en">`), "every finding is worded in Russian")
}

// While a run has no evidence the metric store is asked, for all readers together.
func TestCourseOfRunUnderLoad(t *testing.T) {
	t.Parallel()
	s := sample()
	busy := s.active[0].Run
	var asked atomic.Int64
	c := s.config()
	c.Course = func(ctx context.Context, r contest.Run) (*contest.Course, error) {
		_, bounded := ctx.Deadline()
		assert.True(t, bounded)
		assert.Equal(t, busy.ID, r.ID)
		if asked.Add(1) > 1 {
			return nil, errors.New("down")
		}
		return &contest.Course{Step: contest.Duration(time.Second), Window: contest.Duration(3 * time.Second), Points: []contest.CoursePoint{{At: 1, RPS: 77, VUs: 3}}}, nil
	}
	url := start(t, web.New(c))
	page := get(t, url+"/runs/"+string(busy.ID)).body
	require.Contains(t, page, "most: 77")
	require.Contains(t, page, `<td class="num">–</td>`, "a moment without an answer has no latency")

	// When the store fails the page says so in place.
	require.Eventually(t, func() bool {
		page = get(t, url+"/runs/"+string(busy.ID)).body
		return strings.Contains(page, "does not answer")
	}, 30*time.Second, 50*time.Millisecond)
	require.Contains(t, page, "118.2 requests/s", "all else is there")
}

// A store that hangs costs a page no more than its patience, and a page whose
// reader has gone nothing.
func TestCourseOfStoreThatHangs(t *testing.T) {
	t.Parallel()
	s := sample()
	c := s.config()
	c.Course = func(ctx context.Context, _ contest.Run) (*contest.Course, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	url := start(t, web.New(c))
	page := get(t, url+"/runs/"+string(s.active[0].Run.ID))
	require.Equal(t, http.StatusOK, page.code)
	require.Contains(t, page.body, "does not answer")
}
