package metricstore_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/metricstore"
)

// post sends a body as it is and returns the answer.
func post(t testing.TB, store *metricstore.Store, body []byte, headers ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, store.WriteURL(), bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer 1")
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("Content-Encoding", "snappy")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := (&http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Minute}).RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func packed(t testing.TB, series ...prompb.TimeSeries) []byte {
	t.Helper()
	raw, err := (&prompb.WriteRequest{Timeseries: series}).Marshal()
	require.NoError(t, err)
	return snappy.Encode(nil, raw)
}

func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	store, _ := start(t, metricstore.Config{})
	require.NoError(t, store.Authorise("a", "1"))
	now := time.Now()
	good := counter("refused", "a", 1, now)
	whole := packed(t, good)
	broken := observe(latencies(10), 6)
	broken.PositiveSpans[0].Length++
	custom := observe(latencies(10), 6)
	custom.Schema = -53
	withHistogram := func(h *histogram.Histogram) prompb.TimeSeries {
		return prompb.TimeSeries{Labels: labelsOf("refused", "a"), Histograms: []prompb.Histogram{prompb.FromIntHistogram(now.UnixMilli(), h)}}
	}
	var many []string
	for i := range 64 {
		many = append(many, "l"+strings.Repeat("x", i), "v")
	}
	tests := []struct {
		name    string
		body    []byte
		headers []string
		code    int
		says    string
	}{
		{"no token", whole, []string{"Authorization", ""}, 401, "bearer token"},
		{"basic instead of bearer", whole, []string{"Authorization", "Basic 1"}, 401, "bearer token"},
		{"unknown token", whole, []string{"Authorization", "Bearer 2"}, 401, "bearer token"},
		{"another testid", packed(t, good, counter("refused", "b", 1, now)), nil, 403, `testid "b"`},
		{"no testid", packed(t, counter("refused", "", 1, now)), nil, 403, `testid ""`},
		{"no name", packed(t, counter("", "a", 1, now)), nil, 400, "no __name__"},
		{"label twice", packed(t, counter("refused", "a", 1, now, "x", "1", "x", "2")), nil, 400, "twice"},
		{"too many labels", packed(t, counter("refused", "a", 1, now, many...)), nil, 400, "66 labels"},
		{"label too long", packed(t, counter("refused", "a", 1, now, "x", strings.Repeat("v", 5000))), nil, 400, "4096 bytes"},
		{"label is no UTF-8", packed(t, counter("refused", "a", 1, now, "x", "\xff")), nil, 400, "UTF-8"},
		{"far ahead", packed(t, counter("refused", "a", 1, now.Add(time.Hour))), nil, 400, "ahead of this clock"},
		{"histogram does not add up", packed(t, withHistogram(broken)), nil, 400, "left out"},
		{"custom buckets", packed(t, withHistogram(custom)), nil, 400, "schema -53"},
		{"truncated snappy", whole[:len(whole)/2], nil, 400, "corrupt"},
		{"no snappy", []byte("{}"), nil, 400, "corrupt"},
		{"empty", nil, nil, 400, "corrupt"},
		{"snappy of something else", snappy.Encode(nil, []byte("<html></html>")), nil, 400, "decode remote write"},
		{"unpacks to 100 MB", snappy.Encode(nil, make([]byte, 100<<20)), nil, 400, "limit"},
		{"says it unpacks to 4 GB", []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0x00}, nil, 400, "limit"},
		{"over the limit packed", make([]byte, 9<<20), []string{"Expect", "100-continue"}, 413, "8 MiB"},
		{"gzip", whole, []string{"Content-Encoding", "gzip"}, 415, "gzip"},
		{"JSON", whole, []string{"Content-Type", "application/json"}, 415, "application/json"},
		{"remote write 3", whole, []string{"Content-Type", "application/x-protobuf;proto=write.v3.Request"}, 415, "v3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, text := post(t, store, tt.body, tt.headers...)
			require.Equal(t, tt.code, code, text)
			require.Contains(t, text, tt.says)
			require.Less(t, len(text), 500, "an answer is a sentence")
		})
	}
	require.Empty(t, vector(t, store.URL(), `{__name__="refused"}`), "nothing of a refused body is stored")
}

func TestBodyOfUnknownLengthIsBounded(t *testing.T) {
	t.Parallel()
	store, _ := start(t, metricstore.Config{})
	require.NoError(t, store.Authorise("a", "1"))
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/write", bytes.NewReader(make([]byte, 9<<20)))
	request.ContentLength = -1
	request.Header.Set("Authorization", "Bearer 1")
	recorder := httptest.NewRecorder()
	store.Handler().ServeHTTP(recorder, request)
	require.Equal(t, http.StatusBadRequest, recorder.Code)
	require.Contains(t, recorder.Body.String(), "too large")
}

func TestBadSamplesAreLeftOut(t *testing.T) {
	t.Parallel()
	store, _ := start(t, metricstore.Config{})
	require.NoError(t, store.Authorise("a", "1"))
	now := time.Now()
	require.NoError(t, push(t, store.WriteURL(), "1", counter("x", "a", 1, now)))
	require.NoError(t, push(t, store.WriteURL(), "1", counter("x", "a", 1, now)), "the same again is no error: an answer may get lost")
	require.NoError(t, push(t, store.WriteURL(), "1", counter("x", "a", 0, now.Add(-30*time.Minute))), "late, but within the window")

	code, text := post(t, store, packed(t,
		counter("x", "a", 2, now),
		counter("y", "a", 3, now.Add(-3*time.Hour)),
		counter("z", "a", 4, now)))
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, text, "2 samples were left out, the first of x")
	require.Equal(t, "1", vector(t, store.URL(), "x")["a"])
	require.Equal(t, "2", vector(t, store.URL(), "count_over_time(x[1h])")["a"])
	require.Equal(t, "4", vector(t, store.URL(), "z")["a"], "the good ones are stored")
}

func TestHistogramsOfBothVersionsAndKinds(t *testing.T) {
	t.Parallel()
	store, _ := start(t, metricstore.Config{})
	require.NoError(t, store.Authorise("a", "1"))
	at := time.Now().UnixMilli()
	ints := observe([]float64{0, 0.5, 0.5, 2}, 6)
	one := []prompb.TimeSeries{
		{Labels: labelsOf("v1_int", "a"), Histograms: []prompb.Histogram{prompb.FromIntHistogram(at, ints)}},
		{Labels: labelsOf("v1_float", "a"), Histograms: []prompb.Histogram{prompb.FromFloatHistogram(at, ints.ToFloat(nil))}},
	}
	require.NoError(t, push(t, store.WriteURL(), "1", one...))
	two := &writev2.Request{
		Symbols: []string{"", "__name__", "v2_int", "v2_float", "testid", "a", "v2_counter"},
		Timeseries: []writev2.TimeSeries{
			{LabelsRefs: []uint32{1, 2, 4, 5}, Histograms: []writev2.Histogram{writev2.FromIntHistogram(0, at, ints)}},
			{LabelsRefs: []uint32{1, 3, 4, 5}, Histograms: []writev2.Histogram{writev2.FromFloatHistogram(0, at, ints.ToFloat(nil))}},
			{LabelsRefs: []uint32{1, 6, 4, 5}, Samples: []writev2.Sample{{Timestamp: at, Value: 4}}},
		},
	}
	require.NoError(t, pushMessage(t, store.WriteURL(), "1", remote.WriteV2MessageType, two))
	require.Equal(t, "4", vector(t, store.URL(), "v2_counter")["a"])

	for _, name := range []string{"v1_int", "v1_float", "v2_int", "v2_float"} {
		code, body := get(t, store.URL()+"/api/v1/query", url.Values{"query": {name}})
		require.Equal(t, http.StatusOK, code)
		text := string(body)
		require.Contains(t, text, `{"count":"4","sum":"3","buckets":[[3,"-0.00`, name)
		require.Contains(t, text, `,"0.5","2"],[0,"1.9784`, name)
		require.Contains(t, text, `,"2","1"]]}`, name)
	}
	two.Timeseries[0].LabelsRefs[1] = 99
	require.ErrorContains(t, pushMessage(t, store.WriteURL(), "1", remote.WriteV2MessageType, two), "decode labels")
}

func FuzzWrite(f *testing.F) {
	now := time.Now()
	f.Add(packed(f, counter("x", "a", 1, now)), false)
	f.Add(packed(f, histogramSeries("h", "a", latencies(5), 6, now)), false)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, false)
	symbols := &writev2.Request{Symbols: []string{"", "__name__", "x", "testid", "a"},
		Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{1, 2, 3, 4}, Samples: []writev2.Sample{{Value: 1}}}}}
	raw, err := symbols.Marshal()
	require.NoError(f, err)
	f.Add(snappy.Encode(nil, raw), true)
	store, err := metricstore.Open(metricstore.Config{Dir: f.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, store.Close()) })
	require.NoError(f, store.Authorise("a", "1"))
	f.Fuzz(func(t *testing.T, body []byte, v2 bool) {
		request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/api/v1/write", bytes.NewReader(body))
		request.Header.Set("Authorization", "Bearer 1")
		if v2 {
			request.Header.Set("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request")
		}
		recorder := httptest.NewRecorder()
		store.Handler().ServeHTTP(recorder, request)
		if code := recorder.Code; code != http.StatusNoContent && (code < 400 || code > 499) {
			t.Fatalf("answered %d: %s", code, recorder.Body)
		}
	})
}
