package hub_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/lab/hub"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	b := open(t)
	post := func(within time.Duration) (*http.Response, error) {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		t.Cleanup(cancel)
		req, err := http.NewRequestWithContext(ctx, "POST", b.url+criteria, strings.NewReader(bulk(entry(nil))))
		require.NoError(t, err)
		req.Header.Set("X-API-Key", b.key)
		return http.DefaultClient.Do(req)
	}
	accepted := func() int {
		history, err := b.History(t.Context())
		require.NoError(t, err)
		return len(history)
	}
	always := func(f hub.Fault) { b.Fail(func(*http.Request) *hub.Fault { return &f }) }

	always(hub.Fault{Hang: true})
	_, err := post(time.Second)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Equal(t, 0, accepted())

	always(hub.Fault{Status: 503, Header: http.Header{"Retry-After": {"7"}}, Body: "<html>"})
	resp, err := post(time.Minute)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, "7", resp.Header.Get("Retry-After"))
	assert.Equal(t, 0, accepted())

	always(hub.Fault{DropAnswer: true})
	_, err = post(time.Minute)
	require.Error(t, err)
	assert.Equal(t, 1, accepted(), "the work was done")

	always(hub.Fault{Truncate: true})
	resp, err = post(time.Minute)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.False(t, json.Valid(body))
	assert.Equal(t, 2, accepted())

	b.Fail(nil)
	resp, err = post(time.Minute)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, 200, resp.StatusCode)
}
