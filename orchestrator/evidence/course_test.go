package evidence_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/evidence"
)

// One generator asks ten times a second for 20 s, in flushes of a second. From
// the eighth second on it is answered slowly, and one answer in five is wrong.
// Another run's generator asks twice as often meanwhile.
func TestCourseOfRealStore(t *testing.T) {
	t.Parallel()
	store, client, _ := startStore(t, t.TempDir())
	from := time.Now().Add(-time.Minute).Truncate(time.Second)
	for i, rate := range []int{10, 20} {
		flush(newGenerator(t, store, teamID(i), "0"), from, rate)
	}
	spans := []evidence.Span{{TestID: teamID(0), From: from, To: from.Add(20 * time.Second)}, {TestID: teamID(1), From: from, To: from.Add(20 * time.Second)}}
	asked := 0
	ranged := func(ctx context.Context, text string, from, to time.Time, step time.Duration) ([]contest.Series, error) {
		asked++
		return client.QueryRange(ctx, text, from, to, step)
	}
	courses, err := evidence.Courses(t.Context(), ranged, time.Second, spans)
	require.NoError(t, err)
	require.Equal(t, 3, asked, "however many the runs")
	require.Len(t, courses, 2)
	c := courses[teamID(0)]
	require.Equal(t, contest.Duration(time.Second), c.Step)
	require.Equal(t, contest.Duration(3*time.Second), c.Window)
	require.Len(t, c.Points, 20)
	sum, failed := 0.0, 0.0
	for i, p := range c.Points {
		require.Equal(t, float64(i+1), p.At)
		require.Equal(t, 7.0, p.VUs)
		sum, failed = sum+p.RPS, failed+p.Failed
		if i >= 2 && i < 19 { // the window is full
			require.InDelta(t, 10, p.RPS, 1, "at %v s", p.At)
		}
		if p.At <= 8 {
			require.Zero(t, p.Failed)
			require.InDelta(t, 50, p.P95, 1)
		}
		if p.At > 12 {
			require.InDelta(t, 2, p.Failed, 0.1)
			require.InDelta(t, 500, p.P50, 6)
		}
	}
	require.InDelta(t, 200, sum, 20, "what is drawn is what was counted")
	require.InDelta(t, 24, failed, 4, "also the first ones, whose series did not exist before")
	for _, q := range c.Queries {
		require.Contains(t, q.PromQL, string(teamID(0)))
		require.NotContains(t, q.PromQL, string(teamID(1)))
		again, err := client.QueryRange(t.Context(), q.PromQL, c.From, q.At, c.Step.D())
		require.NoError(t, err)
		require.NotEmpty(t, again, q.Name)
	}
}

func flush(g *generator, from time.Time, rate int) {
	var fast, slow []float64
	for second := 1; second <= 20; second++ {
		at := from.Add(time.Duration(second) * time.Second)
		for range rate {
			if second <= 8 {
				fast = append(fast, 0.05)
			} else {
				slow = append(slow, 0.5)
			}
		}
		wrong := float64(len(slow)) / 5
		series := []prompb.TimeSeries{
			g.float("k6_vus", 7, at),
			g.float("k6_http_reqs_total", float64(len(fast)+len(slow))-wrong, at, "scenario", "steady", "expected_response", "true"),
			g.histogram("k6_http_req_duration_seconds", slices.Concat(fast, slow), at, "scenario", "steady"),
		}
		if wrong > 0 {
			series = append(series, g.float("k6_http_reqs_total", wrong, at, "scenario", "steady", "expected_response", "false"))
		}
		g.push(series...)
	}
}

func TestCoursesAreBounded(t *testing.T) {
	t.Parallel()
	at := time.Now()
	for name, tt := range map[string]struct {
		lasting, ago, push, step time.Duration
	}{
		"short":              {10 * time.Second, 0, time.Second, time.Second},
		"usual flushes":      {time.Minute, 0, 0, 5 * time.Second},
		"long":               {10 * time.Minute, 0, time.Second, 10 * time.Second},
		"round of yesterday": {time.Minute, 24 * time.Hour, time.Second, 44 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ranged := func(_ context.Context, _ string, _, _ time.Time, step time.Duration) ([]contest.Series, error) {
				require.Equal(t, tt.step, step)
				return nil, nil
			}
			spans := []evidence.Span{
				{TestID: "a", From: at.Add(-tt.lasting), To: at}, {TestID: "b", From: at.Add(-tt.ago - tt.lasting), To: at.Add(-tt.ago)},
			}
			got, err := evidence.Courses(t.Context(), ranged, tt.push, spans)
			require.NoError(t, err)
			require.Empty(t, got, "nothing came in")
		})
	}
}

func TestCoursesThatCannotBeHad(t *testing.T) {
	t.Parallel()
	at := time.Now()
	down := errors.New("down")
	silent := func(context.Context, string, time.Time, time.Time, time.Duration) ([]contest.Series, error) {
		return nil, down
	}
	_, err := evidence.Courses(t.Context(), silent, 0, []evidence.Span{{TestID: "a", From: at.Add(-time.Second), To: at}})
	require.ErrorIs(t, err, down)
	for _, s := range []evidence.Span{{TestID: `a"} or up{x="`, From: at, To: at}, {TestID: "a", To: at}, {TestID: "a", From: at, To: at.Add(-time.Second)}} {
		_, err := evidence.Courses(t.Context(), silent, 0, []evidence.Span{s})
		require.ErrorContains(t, err, "is no launch")
	}
	got, err := evidence.Courses(t.Context(), silent, 0, nil)
	require.NoError(t, err, "nobody was asked")
	require.Empty(t, got)
}

// Numbers that are none, histograms, strangers and points before the launch are
// no part of a course, and what is drawn can be sealed.
func TestCourseTakesNumbersOnly(t *testing.T) {
	t.Parallel()
	at := time.Now()
	nan := math.NaN()
	ranged := func(_ context.Context, text string, _, _ time.Time, _ time.Duration) ([]contest.Series, error) {
		point := func(second int, v float64) contest.Point {
			return contest.Point{At: at.Add(time.Duration(second) * time.Second), Value: v}
		}
		if !strings.Contains(text, "k6_http_reqs_total") {
			return []contest.Series{{Labels: map[string]string{"testid": "a", "quantile": "0.95"}, Points: []contest.Point{point(1, nan)}}}, nil
		}
		return []contest.Series{
			{Labels: map[string]string{"testid": "a"}, Points: []contest.Point{point(0, 1), point(1, 2), point(2, nan), point(9, 3)}},
			{Labels: map[string]string{"testid": "stranger"}, Points: []contest.Point{point(1, 1)}},
		}, nil
	}
	got, err := evidence.Courses(t.Context(), ranged, 0, []evidence.Span{{TestID: "a", From: at, To: at.Add(5 * time.Second)}})
	require.NoError(t, err)
	course := got["a"]
	require.Equal(t, []contest.CoursePoint{{At: 1, RPS: 2}}, course.Points)
	e := sample(t)
	e.Course = &course
	sealed, err := evidence.Seal(e)
	require.NoError(t, err)
	require.Empty(t, sealed.Check())
	sealed.JSON = []byte(strings.Replace(string(sealed.JSON), `"rps":2`, `"rps":3`, 1))
	require.Equal(t, []string{"course: the value was changed"}, sealed.Check())
}
