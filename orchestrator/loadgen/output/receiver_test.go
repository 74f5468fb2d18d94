package output_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a Prometheus remote-write receiver that keeps what it is sent.
type receiver struct {
	url string

	mu       sync.Mutex
	requests []*prompb.WriteRequest
	headers  []http.Header
	refuse   func(n int) int // status for the n-th request, counted from 1; 0 accepts
	seen     int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	handler := remote.NewWriteHandler(r, remote.MessageTypes{remote.WriteV1MessageType})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if status := r.status(req); status != 0 {
			http.Error(w, "no, "+req.Header.Get("Authorization"), status)
			return
		}
		handler.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL + "/api/v1/write"
	return r
}

func (r *receiver) status(req *http.Request) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen++
	r.headers = append(r.headers, req.Header.Clone())
	if req.URL.Path != "/api/v1/write" {
		return http.StatusNotFound
	}
	if r.refuse == nil {
		return 0
	}
	return r.refuse(r.seen)
}

// Store is called by the protocol's own handler with the decompressed body.
func (r *receiver) Store(req *http.Request, _ remote.WriteMessageType) (*remote.WriteResponse, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	decoded := &prompb.WriteRequest{}
	if err := decoded.Unmarshal(body); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, decoded)
	return remote.NewWriteResponse(), nil
}

// newest returns the series of the newest request by their exposition.
func (r *receiver) newest() map[string]prompb.TimeSeries {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]prompb.TimeSeries{}
	if len(r.requests) > 0 {
		for _, s := range r.requests[len(r.requests)-1].Timeseries {
			out[labelText(s)] = s
		}
	}
	return out
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests)
}

// labelText writes labels as PromQL does: name{label="value",…}.
func labelText(s prompb.TimeSeries) string {
	var name string
	var pairs []string
	for _, l := range s.Labels {
		if l.Name == "__name__" {
			name = l.Value
			continue
		}
		pairs = append(pairs, fmt.Sprintf("%s=%q", l.Name, l.Value))
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// golden compares text with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
