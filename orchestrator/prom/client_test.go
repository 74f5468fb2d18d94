package prom_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
	"github.com/hackload-kz/hackload/orchestrator/prom"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answering is a client of a server that answers every request with code and body.
func answering(t *testing.T, code int, body string) *prom.Client {
	t.Helper()
	return clientOf(t, prom.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	})
}

func clientOf(t *testing.T, cfg prom.Config, handler http.HandlerFunc) *prom.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg.URL = strings.Replace(server.URL, "http://", "http://"+cfg.URL, 1)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg.Transport = transport
	client, err := prom.New(cfg)
	require.NoError(t, err)
	return client
}

func vectorBody(result string) string {
	return `{"status":"success","data":{"resultType":"vector","result":` + result + `}}`
}

func TestQuery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       []contest.Sample
	}{
		{"nothing", vectorBody(`[]`), []contest.Sample{}},
		{"scalar", `{"status":"success","data":{"resultType":"scalar","result":[1,"2.5"]}}`,
			[]contest.Sample{{Labels: map[string]string{}, Value: 2.5}}},
		{"vector", vectorBody(`[{"metric":{"testid":"a","check":"код \"200\""},"value":[1.5,"3"]}]`),
			[]contest.Sample{{Labels: map[string]string{"testid": "a", "check": `код "200"`}, Value: 3}}},
		{"histogram out of order", vectorBody(`[{"metric":{},"histogram":[1,{"count":"6","sum":"4.5","buckets":[[0,"1","2","3"],[3,"-0.001","0.001","1"],[0,"0.5","1","2"]]}]}]`),
			[]contest.Sample{{Labels: map[string]string{}, Histogram: &contest.Histogram{Count: 6, Sum: 4.5, Buckets: []contest.Bucket{
				{Low: -0.001, High: 0.001, Count: 1}, {Low: 0.5, High: 1, Count: 2}, {Low: 1, High: 2, Count: 3}}}}}},
		{"infos are no warnings", strings.Replace(vectorBody(`[]`), `{`, `{"infos":["might not be a counter"],`, 1), []contest.Sample{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := answering(t, 200, tt.body).Query(t.Context(), "up", time.Now())
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestValuesThatAreNoNumbers(t *testing.T) {
	t.Parallel()
	client := answering(t, 200, vectorBody(`[{"metric":{},"value":[1,"NaN"]},{"metric":{},"value":[1,"+Inf"]}]`))
	got, err := client.Query(t.Context(), "up", time.Now())
	require.NoError(t, err)
	require.Equal(t, "NaN +Inf", fmt.Sprint(got[0].Value, got[1].Value))
}

func TestWarningsComeWithTheAnswer(t *testing.T) {
	t.Parallel()
	client := answering(t, 200, strings.Replace(vectorBody(`[{"metric":{},"value":[1,"1"]}]`), `{`, `{"warnings":["a shard is away"],`, 1))
	got, err := client.Query(t.Context(), "up", time.Now())
	var warning *prom.Warning
	require.ErrorAs(t, err, &warning)
	require.Equal(t, []string{"a shard is away"}, warning.Warnings())
	require.Len(t, got, 1)
}

func TestBadAnswers(t *testing.T) {
	t.Parallel()
	long := vectorBody(`[` + strings.Repeat(`{"metric":{},"value":[1,"1"]},`, 400_000) + `{"metric":{},"value":[1,"1"]}]`)
	require.Greater(t, len(long), 10<<20)
	tests := []struct {
		name      string
		code      int
		body      string
		want      error
		says      string
		temporary bool
	}{
		{"HTML", 200, "<html>sign in</html>", prom.ErrBadAnswer, "invalid character '<'", true},
		{"HTML of a proxy", 502, "<html>bad gateway</html>", prom.ErrUnreachable, "bad gateway", true},
		{"HTML with 400", 400, "<html>no</html>", prom.ErrBadAnswer, "client error: 400", true},
		{"truncated", 200, `{"status":"success","data":{"resultType":"vec`, prom.ErrBadAnswer, "unexpected end", true},
		{"empty", 200, ``, prom.ErrBadAnswer, "unexpected end", true},
		{"another schema", 200, `{"ok":true,"rows":[]}`, prom.ErrBadAnswer, "", true},
		{"data of another type", 200, `{"status":"success","data":"none"}`, prom.ErrBadAnswer, "", true},
		{"vector of matrices", 200, vectorBody(`[{"metric":{},"values":[[1,"1"]]}]`), prom.ErrBadAnswer, "neither a value nor a histogram", true},
		{"value is no number", 200, vectorBody(`[{"metric":{},"value":[1,"one"]}]`), prom.ErrBadAnswer, "", true},
		{"over the bound", 200, long, prom.ErrBadAnswer, "over 10485760 bytes", true},
		{"redirect", 302, "", prom.ErrBadAnswer, "302", true},
		{"not found", 404, "no such page", prom.ErrBadAnswer, "404", true},
		{"unauthorised", 401, "", prom.ErrRefused, "401", true},
		{"forbidden", 403, "", prom.ErrRefused, "403", true},
		{"too many requests", 429, "", prom.ErrUnreachable, "429", true},
		{"refused query", 400, `{"status":"error","errorType":"bad_data","error":"parse error"}`, prom.ErrBadQuery, "parse error", false},
		{"query that cannot be run", 422, `{"status":"error","errorType":"execution","error":"many-to-many"}`, prom.ErrBadQuery, "many-to-many", false},
		{"error inside a 200", 200, `{"status":"error","errorType":"internal","error":"disk"}`, prom.ErrUnreachable, "disk", true},
		{"matrix", 200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`, prom.ErrBadQuery, "a matrix, want a vector", false},
		{"string", 200, `{"status":"success","data":{"resultType":"string","result":[1,"a"]}}`, prom.ErrBadAnswer, "string", true},
		{"null for a series", 200, vectorBody(`[null]`), prom.ErrBadAnswer, "neither a value nor a histogram", true},
		{"null for a bucket", 200, vectorBody(`[{"metric":{},"histogram":[1,{"count":"1","sum":"3","buckets":[null]}]}]`), prom.ErrBadAnswer, "empty bucket", true},
		{"endless sentence", 422, `{"status":"error","errorType":"execution","error":"` + strings.Repeat("ы", 9000) + `"}`, prom.ErrBadQuery, "ы…", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client := clientOf(t, prom.Config{MaxBody: 10 << 20}, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.code)
				_, _ = io.WriteString(w, tt.body)
			})
			got, err := client.Query(t.Context(), "up", time.Now())
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, "query prometheus: ")
			require.ErrorContains(t, err, tt.says)
			require.Less(t, len(err.Error()), 500)
			require.NotContains(t, err.Error(), "\n")
			require.Empty(t, got)
			var known *prom.Error
			require.ErrorAs(t, err, &known)
			require.Equal(t, tt.temporary, known.Temporary())
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	client, err := prom.New(prom.Config{URL: "http://me:secret@" + listener.Addr().String()})
	require.NoError(t, err)
	_, err = client.Query(t.Context(), "up", time.Now())
	require.ErrorIs(t, err, prom.ErrUnreachable)
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "secret")

	release := make(chan struct{})
	slow := clientOf(t, prom.Config{Timeout: 20 * time.Millisecond}, func(http.ResponseWriter, *http.Request) { <-release })
	_, err = slow.Query(t.Context(), "up", time.Now())
	require.ErrorIs(t, err, prom.ErrUnreachable)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = slow.Query(ctx, "up", time.Now())
	require.ErrorIs(t, err, context.Canceled)
	close(release)
}

func TestRequests(t *testing.T) {
	t.Parallel()
	long := "sum(x{testid=~\"" + strings.Repeat("good-search-10-01jd|", 400) + "\"})"
	tests := []struct {
		name   string
		cfg    prom.Config // URL holds only what stands before the host
		header string
	}{
		{"no credentials", prom.Config{}, ""},
		{"bearer", prom.Config{BearerToken: "secret"}, "Bearer secret"},
		{"basic", prom.Config{Username: "u", Password: "p"}, "Basic dTpw"},
		{"basic in the URL", prom.Config{URL: "u:p@"}, "Basic dTpw"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client := clientOf(t, tt.cfg, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.PostFormValue("query") != long ||
					r.PostFormValue("time") != "5" || r.Header.Get("Authorization") != tt.header {
					w.WriteHeader(http.StatusTeapot)
					_, _ = fmt.Fprint(w, r.Method, r.Header)
					return
				}
				_, _ = io.WriteString(w, vectorBody(`[]`))
			})
			_, err := client.Query(t.Context(), long, time.Unix(5, 0))
			require.NoError(t, err)
		})
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "prometheus:9090", "ftp://u:secret@x", "http://", "http://u:secret@[::1", "http://x:y z"} {
		_, err := prom.New(prom.Config{URL: u})
		require.ErrorContains(t, err, "want one that starts with http", u)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := prom.New(prom.Config{URL: "http://x", BearerToken: "a", Username: "b"})
	require.ErrorContains(t, err, "not both")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, version, query string
		code                 int
		want                 error
	}{
		{"three", "3.5.0", vectorBody(`[{"metric":{},"value":[1,"1"]}]`), 200, nil},
		{"two", "2.42.0", "", 200, prom.ErrTooOld},
		{"no number", "latest", "", 200, prom.ErrTooOld},
		{"no version", "", "", 200, prom.ErrBadAnswer},
		{"no query", "3.5.0", "", 503, prom.ErrUnreachable},
		{"wrong answer", "3.5.0", vectorBody(`[]`), 200, prom.ErrBadAnswer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client := clientOf(t, prom.Config{}, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/buildinfo") {
					_, _ = fmt.Fprintf(w, `{"status":"success","data":{"version":%q}}`, tt.version)
					return
				}
				w.WriteHeader(tt.code)
				_, _ = io.WriteString(w, tt.query)
			})
			require.True(t, errors.Is(client.Check(t.Context()), tt.want))
		})
	}
}

func startStore(t testing.TB) string {
	t.Helper()
	store, err := metricstore.Open(metricstore.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return store.URL()
}

func TestAgainstTheEmbeddedStore(t *testing.T) {
	t.Parallel()
	client, err := prom.New(prom.Config{URL: startStore(t) + "/", Transport: &http.Transport{DisableKeepAlives: true}})
	require.NoError(t, err)
	require.NoError(t, client.Check(t.Context()))
	version, err := client.Version(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^3\.\d+\.\d+-embedded$`, version)

	at := time.Unix(1_700_000_000, 0)
	got, err := client.QueryRange(t.Context(), "time() - 1700000000", at, at.Add(2*time.Second), time.Second)
	require.NoError(t, err)
	require.Equal(t, []contest.Series{{Labels: map[string]string{}, Points: []contest.Point{
		{At: at.UTC()}, {At: at.Add(time.Second).UTC(), Value: 1}, {At: at.Add(2 * time.Second).UTC(), Value: 2},
	}}}, got)

	_, err = client.Query(t.Context(), "sum(", at)
	require.ErrorIs(t, err, prom.ErrBadQuery)
	_, err = client.QueryRange(t.Context(), "sum(", at, at, time.Second)
	require.ErrorIs(t, err, prom.ErrBadQuery)
}

func TestRangeOfHistogramsAndBadRange(t *testing.T) {
	t.Parallel()
	matrix := answering(t, 200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[2,"5"]],"histograms":[[1,{"count":"1","sum":"3","buckets":[[0,"2","4","1"]]}]]}]}}`)
	got, err := matrix.QueryRange(t.Context(), "x", time.Unix(0, 0), time.Unix(1, 0), time.Second)
	require.NoError(t, err)
	require.Equal(t, []contest.Series{{Labels: map[string]string{"a": "b"}, Points: []contest.Point{
		{At: time.Unix(1, 0).UTC(), Histogram: &contest.Histogram{Count: 1, Sum: 3, Buckets: []contest.Bucket{{Low: 2, High: 4, Count: 1}}}},
		{At: time.Unix(2, 0).UTC(), Value: 5},
	}}}, got)

	for _, body := range []string{`[null]`, `[{"metric":{},"histograms":[[1,{"count":"1","sum":"3","buckets":[null]}]]}]`} {
		body = `{"status":"success","data":{"resultType":"matrix","result":` + body + `}}`
		_, err = answering(t, 200, body).QueryRange(t.Context(), "x", time.Unix(0, 0), time.Unix(1, 0), time.Second)
		require.ErrorIs(t, err, prom.ErrBadAnswer)
	}
	_, err = answering(t, 200, vectorBody(`[]`)).QueryRange(t.Context(), "x", time.Unix(0, 0), time.Unix(1, 0), time.Second)
	require.ErrorIs(t, err, prom.ErrBadAnswer)
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, vectorBody(`[{"metric":{},"value":[1,"1"]}]`))
	f.Add(200, vectorBody(`[{"metric":{},"histogram":[1,{"count":"1","sum":"3","buckets":[[0,"2","4","1"],null]}]}]`))
	f.Add(422, `{"status":"error"}`)
	f.Add(302, ``)
	f.Fuzz(func(t *testing.T, code int, body string) {
		if code < 200 || code > 599 {
			t.Skip()
		}
		client, err := prom.New(prom.Config{URL: "http://prometheus", Transport: canned{code, body}})
		require.NoError(t, err)
		samples, err := client.Query(context.Background(), "up", time.Unix(1, 0))
		var warning *prom.Warning
		if err != nil && !errors.As(err, &warning) && len(samples) > 0 {
			t.Fatalf("samples beside the error %v", err)
		}
	})
}

// canned is a transport that knows one answer.
type canned struct {
	code int
	body string
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.code, Body: io.NopCloser(strings.NewReader(c.body)), Header: http.Header{}, Request: r}, nil
}

func ExampleClient_Query() {
	transport := canned{200, vectorBody(`[{"metric":{"testid":"good-search-10-01jd"},"value":[1,"42"]}]`)}
	client, err := prom.New(prom.Config{URL: "http://prometheus:9090", Transport: transport})
	if err != nil {
		fmt.Println(err)
		return
	}
	samples, err := client.Query(context.Background(), `sum by (testid) (last_over_time(k6_iterations_total[1h]))`, time.Unix(1, 0))
	fmt.Println(samples[0].Labels["testid"], samples[0].Value, err)
	// Output: good-search-10-01jd 42 <nil>
}
