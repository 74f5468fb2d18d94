package metricstore_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/metricstore"
)

func TestQueryErrors(t *testing.T) {
	t.Parallel()
	store, _ := start(t, metricstore.Config{MaxSamples: 1000})
	const heavy = "sum_over_time(vector(1)[2s:1ms])"
	tests := []struct {
		name, path string
		form       url.Values
		code       int
		kind, says string
	}{
		{"no query", "query", nil, 400, "bad_data", "query"},
		{"syntax", "query", url.Values{"query": {"sum("}}, 400, "bad_data", "parse error"},
		{"time", "query", url.Values{"query": {"1"}, "time": {"noon"}}, 400, "bad_data", "time"},
		{"time without end", "query", url.Values{"query": {"1"}, "time": {"+Inf"}}, 400, "bad_data", "time"},
		{"timeout", "query", url.Values{"query": {"1"}, "timeout": {"-1"}}, 400, "bad_data", "timeout"},
		{"over the bound of samples", "query", url.Values{"query": {heavy}}, 422, "execution", "too many samples"},
		{"range without step", "query_range", url.Values{"query": {"1"}, "start": {"0"}, "end": {"1"}}, 400, "bad_data", "step"},
		{"range without end", "query_range", url.Values{"query": {"1"}, "start": {"0"}, "step": {"1"}}, 400, "bad_data", "needed"},
		{"range backwards", "query_range", url.Values{"query": {"1"}, "start": {"9"}, "end": {"1"}, "step": {"1s"}}, 400, "bad_data", "before"},
		{"too many steps", "query_range", url.Values{"query": {"1"}, "start": {"1"}, "end": {"99999"}, "step": {"1"}}, 400, "bad_data", "11000"},
		{"selector", "series", url.Values{"match[]": {"{"}}, 400, "bad_data", "match"},
		{"no selector", "series", nil, 400, "bad_data", "needed"},
		{"body too long", "query", url.Values{"query": {strings.Repeat("1", 2<<20)}}, 400, "bad_data", "too large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, body := get(t, store.URL()+"/api/v1/"+tt.path, tt.form)
			require.Equal(t, tt.code, code, "%s", body)
			require.Equal(t, "error", gjson.GetBytes(body, "status").String())
			require.Equal(t, tt.kind, gjson.GetBytes(body, "errorType").String())
			require.Contains(t, gjson.GetBytes(body, "error").String(), tt.says)
		})
	}
}

func TestQueryOverItsTime(t *testing.T) {
	t.Parallel()
	store, _ := start(t, metricstore.Config{})
	code, body := get(t, store.URL()+"/api/v1/query", url.Values{
		"query": {"sum_over_time(vector(1)[100s:1ms])"}, "timeout": {"0.000000001"},
	})
	require.Equal(t, http.StatusServiceUnavailable, code, "%s", body)
	require.Equal(t, "timeout", gjson.GetBytes(body, "errorType").String())
}

func TestRangeLabelsAndSeries(t *testing.T) {
	t.Parallel()
	store, _ := start(t, metricstore.Config{})
	require.NoError(t, store.Authorise("a", "1"))
	at := time.Now().Add(-time.Minute).Truncate(time.Second)
	for i := range 3 {
		step := at.Add(time.Duration(i) * time.Second)
		require.NoError(t, push(t, store.WriteURL(), "1", counter("x", "a", float64(i), step, "check", "проверка \"1\""),
			histogramSeries("h", "a", latencies(i+1), 6, step)))
	}
	tests := []struct {
		name, path string
		form       url.Values
		at, want   string // gjson path and what stands there
	}{
		{"values", "query_range", url.Values{"query": {"x"}, "start": {at.Format(time.RFC3339)}, "end": {at.Add(2 * time.Second).Format(time.RFC3339)}, "step": {"1"}},
			"data.result.0.values.#.1", `["0","1","2"]`},
		{"histograms", "query_range", url.Values{"query": {"h"}, "start": {at.Format(time.RFC3339)}, "end": {at.Add(2 * time.Second).Format(time.RFC3339)}, "step": {"1s"}},
			"data.result.0.histograms.#.1.count", `["1","2","3"]`},
		{"label names", "labels", nil, "data", `["__name__","check","testid"]`},
		{"label names of one", "labels", url.Values{"match[]": {"h"}}, "data", `["__name__","testid"]`},
		{"label values", "label/__name__/values", url.Values{"match[]": {"x", "h"}}, "data", `["h","x"]`},
		{"no such label", "label/none/values", nil, "data", `[]`},
		{"series", "series", url.Values{"match[]": {`{testid="a"}`}}, "data.#.__name__", `["h","x"]`},
		{"hostile value", "series", url.Values{"match[]": {`x{check="проверка \"1\""}`}}, "data.0.check", `"проверка \"1\""`},
		{"string", "query", url.Values{"query": {`"s"`}}, "data.resultType", `"string"`},
		{"version", "status/buildinfo", nil, "status", `"success"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, body := get(t, store.URL()+"/api/v1/"+tt.path, tt.form)
			require.Equal(t, http.StatusOK, code, "%s", body)
			require.JSONEq(t, tt.want, gjson.GetBytes(body, tt.at).Raw, "%s", body)
		})
	}
	_, body := get(t, store.URL()+"/api/v1/status/buildinfo", nil)
	require.Regexp(t, `^3\.\d+\.\d+-embedded$`, gjson.GetBytes(body, "data.version").String())
}

func TestWhoMayRead(t *testing.T) {
	t.Parallel()
	open, _ := start(t, metricstore.Config{})
	guarded, _ := start(t, metricstore.Config{ReadToken: "secret"})
	tests := []struct {
		name, from, authorization string
		store                     *metricstore.Store
		code                      int
	}{
		{"loopback", "127.0.0.1:5", "", guarded, 200},
		{"loopback of IPv6", "[::1]:5", "", guarded, 200},
		{"elsewhere", "203.0.113.9:5", "", guarded, 401},
		{"elsewhere with the token", "203.0.113.9:5", "Bearer secret", guarded, 200},
		{"elsewhere with another", "203.0.113.9:5", "Bearer secreT", guarded, 401},
		{"elsewhere, no token set", "203.0.113.9:5", "", open, 401},
		{"elsewhere, no token set, an empty one sent", "203.0.113.9:5", "Bearer ", open, 401},
		{"no address", "@", "", guarded, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/query?query=1", nil)
			request.RemoteAddr = tt.from
			request.Header.Set("Authorization", tt.authorization)
			recorder := httptest.NewRecorder()
			tt.store.Handler().ServeHTTP(recorder, request)
			require.Equal(t, tt.code, recorder.Code, recorder.Body)
		})
	}
}
