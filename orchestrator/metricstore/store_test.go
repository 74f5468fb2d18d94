package metricstore_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
)

// childDir names, in the environment of a child, the directory that it serves
// until it is killed.
const childDir = "METRICSTORE_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		serveUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func serveUntilKilled(dir string) {
	store, err := metricstore.Open(metricstore.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err == nil {
		err = store.Authorise("a", "token-a")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(store.URL())
	_ = store.Run(context.Background())
}

// start runs a store on dir until the test ends or stop is called.
func start(t testing.TB, cfg metricstore.Config) (store *metricstore.Store, stop func()) {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.Listen = "127.0.0.1:0"
	store, err := metricstore.Open(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		require.NoError(t, <-ended)
	}
	t.Cleanup(stop)
	return store, stop
}

// vector asks an instant query and returns value by testid.
func vector(t testing.TB, base, query string) map[string]string {
	t.Helper()
	var out struct {
		Status string
		Data   struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	code, body := get(t, base+"/api/v1/query", url.Values{"query": {query}})
	require.Equal(t, http.StatusOK, code, "%s", body)
	require.NoError(t, json.Unmarshal(body, &out))
	values := map[string]string{}
	for _, r := range out.Data.Result {
		values[r.Metric["testid"]] = r.Value[1].(string)
	}
	return values
}

func get(t testing.TB, path string, form url.Values) (int, []byte) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.PostForm(path, form)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, body
}

func TestSeriesOlderThanFiveMinutes(t *testing.T) {
	t.Parallel()
	store, _ := start(t, metricstore.Config{})
	now := time.Now()
	require.NoError(t, store.Authorise("old", "1"))
	require.NoError(t, store.Authorise("new", "2"))
	require.NoError(t, push(t, store.WriteURL(), "1", counter("k6_iterations_total", "old", 7, now.Add(-20*time.Minute))))
	require.NoError(t, push(t, store.WriteURL(), "2", counter("k6_iterations_total", "new", 8, now)))

	require.Equal(t, map[string]string{"new": "8"}, vector(t, store.URL(), "k6_iterations_total"))
	require.Equal(t, map[string]string{"old": "7", "new": "8"},
		vector(t, store.URL(), `sum by (testid) (last_over_time(k6_iterations_total{testid=~"old|new"}[30m]))`))
	require.EqualValues(t, 2, store.Queries())
}

func TestKilledStoreHasEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	base, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	base = strings.TrimSpace(base)

	from := time.Now().Add(-time.Minute)
	for i := range 20 {
		at := from.Add(time.Duration(i) * time.Second)
		require.NoError(t, push(t, base+"/api/v1/write", "token-a",
			counter("k6_iterations_total", "a", float64(i), at),
			histogramSeries("k6_http_req_duration_seconds", "a", latencies(i+1), 6, at)))
	}
	_, err = metricstore.Open(metricstore.Config{Dir: dir, Listen: "127.0.0.1:0"})
	require.ErrorContains(t, err, "open metrics", "a second process must not open the same directory")
	require.NoError(t, child.Process.Kill()) // SIGKILL
	require.Error(t, child.Wait())

	store, _ := start(t, metricstore.Config{Dir: dir})
	require.Equal(t, "19", vector(t, store.URL(), "last_over_time(k6_iterations_total[5m])")["a"])
	require.Equal(t, "20", vector(t, store.URL(), "count_over_time(k6_iterations_total[5m])")["a"])
	require.Equal(t, "20", vector(t, store.URL(), "histogram_count(last_over_time(k6_http_req_duration_seconds[5m]))")["a"])

	require.NoError(t, store.AuthoriseHash("a", metricstore.HashToken("token-a")), "the token must be good after a restart")
	require.NoError(t, push(t, store.WriteURL(), "token-a", counter("k6_iterations_total", "a", 99, time.Now())))
	require.Equal(t, "99", vector(t, store.URL(), "k6_iterations_total")["a"])
}

func TestTokens(t *testing.T) {
	t.Parallel()
	store, _ := start(t, metricstore.Config{})
	write := func(token string) error {
		return push(t, store.WriteURL(), token, counter("up", "a", 1, time.Now()))
	}
	require.ErrorContains(t, write("first"), "401")
	require.NoError(t, store.Authorise("a", "first"))
	require.NoError(t, write("first"))
	require.NoError(t, store.Authorise("a", "second"))
	require.ErrorContains(t, write("first"), "401", "a replaced token is worthless")
	require.NoError(t, write("second"))
	store.Revoke("a")
	store.Revoke("never-known")
	require.ErrorContains(t, write("second"), "401")

	require.Error(t, store.Authorise("a", ""))
	require.Error(t, store.Authorise("a b", "x"), "no testid")
	require.Error(t, store.AuthoriseHash("a", "abc"))
	require.Error(t, store.AuthoriseHash("a", strings.Repeat("g", 64)))
	require.NoError(t, store.Authorise("a", "x"))
	require.Error(t, store.Authorise("b", "x"), "one token for two testids")
}

func TestMergedQuantileOfTwoSchemas(t *testing.T) {
	t.Parallel()
	store, _ := start(t, metricstore.Config{})
	require.NoError(t, store.Authorise("a", "1"))
	at := time.Now()
	all := latencies(4000)
	fine := histogramSeries("d", "a", all[:1000], 6, at, "instance_id", "0")
	coarse := histogramSeries("d", "a", all[1000:], 3, at, "instance_id", "1")
	require.NoError(t, push(t, store.WriteURL(), "1", fine, coarse))

	got, err := strconv.ParseFloat(vector(t, store.URL(), `histogram_quantile(0.95, sum by (testid) (last_over_time(d[5m])))`)["a"], 64)
	require.NoError(t, err)
	require.InEpsilon(t, quantileOf(all, 0.95), got, 0.0906, "within one bucket of the coarser schema")
}

func TestOpenCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	dir, registry := t.TempDir(), prometheus.NewRegistry()
	_, stop := start(t, metricstore.Config{Dir: dir})
	cfg := metricstore.Config{Dir: dir, Listen: "127.0.0.1:0", Registry: registry}
	for range 2 {
		_, err := metricstore.Open(cfg)
		require.ErrorContains(t, err, "open metrics")
	}
	stop()
	again, err := metricstore.Open(cfg)
	require.NoError(t, err)
	got, err := registry.Gather()
	require.NoError(t, err)
	require.Greater(t, len(got), 50, "the TSDB's and the engine's own metrics")
	require.NoError(t, again.Close())
	got, err = registry.Gather()
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestStopsQuietly(t *testing.T) {
	t.Parallel()
	store, stop := start(t, metricstore.Config{})
	stop()
	require.NoError(t, store.Close(), "closing twice is harmless")
	_, err := http.Get(store.URL() + "/-/ready")
	require.Error(t, err)

	unused, err := metricstore.Open(metricstore.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	require.NoError(t, unused.Close())

	_, err = metricstore.Open(metricstore.Config{Dir: t.TempDir(), Listen: "no such address"})
	require.ErrorContains(t, err, "listen for metrics")
}

// A launch gets a token, its generator pushes, anybody on this machine asks.
func ExampleStore() {
	dir, _ := os.MkdirTemp("", "metrics")
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := metricstore.Open(metricstore.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()

	const testid = contest.TestID("good-search-10-01k")
	_ = store.Authorise(testid, "a token made for this launch")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(store.URL() + "/api/v1/query?time=0&query=" + url.QueryEscape(`1 + 1`))
	if err == nil {
		_, _ = io.Copy(os.Stdout, response.Body)
		_ = response.Body.Close()
	}
	cancel()
	fmt.Println(<-ended)
	// Output:
	// {"status":"success","data":{"resultType":"scalar","result":[0,"2"]}}
	// <nil>
}
