package deployment_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/deployment"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func expose(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	require.NoError(t, r.Register(c))
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	return w.Body.String()
}

func lint(t *testing.T, text string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestExposition(t *testing.T) {
	t.Parallel()
	good := with(walked("https", 250*time.Millisecond, 3), func(f *deployment.Facts) {
		f.Took = 4 * time.Second
		f.Walk[0].Answer.TLS = &deployment.TLS{Version: "TLS 1.3", Issuer: "Lab", Expires: noon.Add(1000 * time.Hour)}
	})
	got := expose(t, deployment.CollectorOf(dayRule(), map[contest.Slug]deployment.Facts{
		"good":      good,
		"busy":      with(walked("http", time.Second), func(f *deployment.Facts) { f.UnderLoad = true }),
		"empty":     {State: deployment.None, Reason: "Said.", At: noon},
		"nowhere":   {State: deployment.NoHost, Reason: "Said.", At: noon, Address: deployment.Address{Scheme: "http", Host: "x.test"}},
		"bad\"}{\n": {State: deployment.None, Reason: "Said.", At: noon},
	}))
	lint(t, got)
	golden := filepath.Join("testdata", "exposition.txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func get(t *testing.T, h http.Handler, path, timeout string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", timeout)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	require.NoError(t, err)
	return w.Code, string(body)
}

func TestHandler(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	home := serve(t, rec)
	var down atomic.Bool
	teams := func(ctx context.Context) ([]contest.Team, error) {
		if _, bounded := ctx.Deadline(); !bounded || down.Load() {
			return nil, errors.New("secret")
		}
		return []contest.Team{{Slug: "a", Endpoint: home}, {Slug: "b"}, {Slug: "c", Endpoint: speak(t, sayAndHang(""))}}, nil
	}
	c := config()
	c.Reset, c.Lease = true, free
	x := exporter(t, c, dayRule())
	h := x.Handler(teams)

	code, body := get(t, h, "/", "")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "deployment exporter")
	code, _ = get(t, h, "/-/healthy", "")
	require.Equal(t, http.StatusOK, code)
	code, _ = get(t, h, "/-/ready", "")
	require.Equal(t, http.StatusOK, code)
	code, _ = get(t, h, "/nothing", "")
	require.Equal(t, http.StatusNotFound, code)

	code, body = get(t, h, "/probe?target=a", "15")
	require.Equal(t, http.StatusOK, code)
	lint(t, body)
	require.Contains(t, body, "\nprobe_success 1\n")
	require.Contains(t, body, `hackload_deployment_passed{team="a"} 1`)
	require.NotContains(t, body, `team="b"`)
	require.Len(t, rec.take(), 12, "a probe resets nothing")
	_, body = get(t, h, "/metrics", "")
	require.NotContains(t, body, `team="a"`, "a probe is no round")
	for _, path := range []string{"/probe", "/probe?target=nobody", "/probe?target=" + home} {
		code, body = get(t, h, path, "")
		require.Equal(t, http.StatusBadRequest, code)
		require.Equal(t, "target has to name a team\n", body)
	}
	started := time.Now()
	code, body = get(t, h, "/probe?target=c", "0.4")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, `hackload_deployment_passed{team="c"} 0`)
	require.Less(t, time.Since(started), 10*time.Second, "the scraper's time, not ours")

	all, err := teams(mustDeadline(t))
	require.NoError(t, err)
	require.NoError(t, x.Measure(t.Context(), all[:2], func(contest.Verdict) {}))
	_, body = get(t, h, "/metrics", "")
	lint(t, body)
	require.Contains(t, body, `hackload_deployment_endpoint_working{endpoint="/api/events",method="GET",team="a"} 1`)
	require.Contains(t, body, `hackload_deployment_endpoint_info{scheme="",state="none",team="b",tls=""} 1`)
	require.NoError(t, x.MeasureAgain(t.Context(), all[:1], func(contest.Verdict) {}))
	_, body = get(t, h, "/metrics", "")
	require.Contains(t, body, `team="b"`, "one that is measured again says nothing of the others")
	require.NoError(t, x.Measure(t.Context(), all[:1], func(contest.Verdict) {}))
	_, body = get(t, h, "/metrics", "")
	require.NotContains(t, body, `team="b"`, "who is gone is shown no more")

	down.Store(true)
	for path, want := range map[string]string{"/-/ready": "not ready: the teams cannot be listed\n", "/probe?target=a": "the teams cannot be listed\n"} {
		code, body = get(t, h, path, "")
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, want, body)
	}
}

func mustDeadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := exporter(t, config(), httpRule())
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		rounds, failures := 0, 0
		err := x.Run(ctx, time.Minute, func(context.Context) ([]contest.Team, error) {
			rounds++
			if rounds == 2 {
				return nil, errors.New("down")
			}
			return []contest.Team{{Slug: "empty"}}, nil
		}, func(error) { failures++ })
		require.NoError(t, err)
		require.Equal(t, 3, rounds)
		require.Equal(t, 1, failures)
	})
}
