package metricstore_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/metricstore"
)

// FuzzQuery asks the store anything. A question that is none is the asker's
// fault, never the store's, and every answer is JSON with what went wrong in it.
func FuzzQuery(f *testing.F) {
	f.Add(`sum by (testid) (last_over_time(x{testid=~"a|b"}[1h]))`, "1700000000", "15s")
	f.Add(`histogram_quantile(0.95, x)`, "2026-11-30T12:00:00Z", "1e-9")
	f.Add(`x[5m:1s] offset -9223372036s`, "-1e300", "NaN")
	f.Add(`label_replace(x, "a", "$1", "b", "(")`, "", "0")
	f.Add(`{__name__=~".*"} and on() vector(1/0)`, "9999-12-31T23:59:59Z", "1y")
	f.Add("\xff{", "\x00", "-1s")
	store, err := metricstore.Open(metricstore.Config{Dir: f.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, store.Close()) })
	require.NoError(f, store.Authorise("a", "1"))
	f.Fuzz(func(t *testing.T, query, at, step string) {
		form := url.Values{"query": {query}, "time": {at}, "start": {at}, "end": {at}, "step": {step}, "timeout": {"2s"}}
		for _, path := range []string{"/api/v1/query", "/api/v1/query_range"} {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+"?"+form.Encode(), nil)
			request.RemoteAddr = "127.0.0.1:1"
			recorder := httptest.NewRecorder()
			began := time.Now()
			store.Handler().ServeHTTP(recorder, request)
			require.Less(t, time.Since(began), time.Minute, query)
			if code := recorder.Code; code != http.StatusOK && code != http.StatusServiceUnavailable && (code < 400 || code > 499) {
				t.Fatalf("answered %d: %s", code, recorder.Body)
			}
			var said struct{ Status, ErrorType, Error string }
			require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &said), recorder.Body.String())
			require.Equal(t, recorder.Code == http.StatusOK, said.Status == "success")
			require.Equal(t, recorder.Code == http.StatusOK, said.Error == "")
		}
	})
}
