package biletter_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
)

// TestServeEndsWithItsContext stops a service in the middle of a request: the
// request learns of it, its answer still arrives, and the listener is closed.
func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s := biletter.NewOf(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		_, _ = io.WriteString(w, "in time")
	}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()

	answered := make(chan string, 1)
	go func() { answered <- ask(t, "http://"+ln.Addr().String()) }()
	<-entered
	cancel()
	require.NoError(t, <-served)
	require.Equal(t, "in time", <-answered)
	_, err = net.Dial("tcp", ln.Addr().String())
	require.Error(t, err, "the listener is closed")
}

// ask returns the body of an answer, or why there is none.
func ask(t *testing.T, url string) string {
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		return err.Error()
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

func TestServeSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	require.ErrorContains(t, biletter.NewOf(http.NotFoundHandler()).Serve(t.Context(), ln), "serve sample service")
}
