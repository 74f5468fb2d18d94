package loadgen_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// freeAddress returns an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().String()
}

// call speaks to the REST API; before it listens the answer is empty.
func call(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// The body that k6-operator's starter sends.
const startBody = `{"data":{"attributes":{"paused":false,"stopped":false},"id":"default","type":"status"}}`

func TestPausedTestWaitsForItsStart(t *testing.T) {
	t.Parallel()
	at := freeAddress(t)
	r := newRun(t, `import { check, group, sleep } from 'k6'; export const options = {vus: 2, iterations: 4};
		export function setup() { console.log('setup is done') }
		export default function () { group('g', () => check(1, {fine: true})); sleep(0.2) }`)
	code := make(chan int, 1)
	go func() {
		code <- r.command(t.Context(), "run", "test.js", "-q", "--paused", "--linger", "--address", at)
	}()
	status := func() gjson.Result {
		_, text := call(t, http.MethodGet, "http://"+at+"/v1/status", "")
		return gjson.Get(text, "data.attributes")
	}
	require.Eventually(t, func() bool { return status().Get("status").Int() == 4 }, 10*time.Second, 10*time.Millisecond)
	before := status()
	assert.True(t, before.Get("paused").Bool())
	assert.False(t, before.Get("running").Bool())
	assert.EqualValues(t, 2, before.Get("vus-max").Int())
	assert.NotContains(t, r.log.String(), "setup is done", "a paused test waits before its setup")

	got, text := call(t, http.MethodPatch, "http://"+at+"/v1/status", startBody)
	require.Equal(t, http.StatusOK, got, text)
	assert.False(t, gjson.Get(text, "data.attributes.paused").Bool())
	require.Eventually(t, func() bool { return status().Get("status").Int() == 9 }, 10*time.Second, 10*time.Millisecond)
	assert.Contains(t, r.log.String(), "setup is done")

	_, text = call(t, http.MethodGet, "http://"+at+"/v1/metrics/iterations", "")
	assert.EqualValues(t, 4, gjson.Get(text, "data.attributes.sample.count").Int(), text)
	_, text = call(t, http.MethodGet, "http://"+at+"/v1/metrics", "")
	assert.Contains(t, gjson.Get(text, "data.#.id").String(), "iteration_duration")
	_, text = call(t, http.MethodGet, "http://"+at+"/v1/groups", "")
	assert.EqualValues(t, 4, gjson.Get(text, `data.#(attributes.path=="::g").attributes.checks.0.passes`).Int(), text)

	select {
	case c := <-code:
		t.Fatalf("the test that is to linger ended with %d", c)
	default:
	}
	call(t, http.MethodPatch, "http://"+at+"/v1/status", `{"data":{"type":"status","id":"default","attributes":{"stopped":true}}}`)
	assert.Equal(t, 0, <-code, "what has ended well has ended well")
}

func TestStopOverREST(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"running": nil, "still paused": {"--paused"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := freeAddress(t)
			r := newRun(t, `import { sleep } from 'k6'; export const options = {duration: '5m'};
				export default function () { sleep(300) } export function teardown() { console.log('torn down') }`)
			code := make(chan int, 1)
			go func() {
				code <- r.command(t.Context(), append([]string{"run", "test.js", "-q", "--address", at}, args...)...)
			}()
			want := int64(7)
			if args != nil {
				want = 4
			}
			require.Eventually(t, func() bool {
				_, text := call(t, http.MethodGet, "http://"+at+"/v1/status", "")
				return gjson.Get(text, "data.attributes.status").Int() == want
			}, 10*time.Second, 10*time.Millisecond)
			if args == nil {
				got, text := call(t, http.MethodPatch, "http://"+at+"/v1/status", `{"data":{"attributes":{"paused":true}}}`)
				assert.Equal(t, http.StatusBadRequest, got, text)
			}
			call(t, http.MethodPatch, "http://"+at+"/v1/status", `{"data":{"attributes":{"stopped":true}}}`)
			assert.Equal(t, 103, <-code)
			assert.Contains(t, r.log.String(), "torn down")
		})
	}
}

func TestBadRequestsToREST(t *testing.T) {
	t.Parallel()
	at := freeAddress(t)
	r := newRun(t, `export default function () {}`)
	code := make(chan int, 1)
	go func() { code <- r.command(t.Context(), "run", "test.js", "-q", "--paused", "--address", at) }()
	require.Eventually(t, func() bool { got, _ := call(t, http.MethodGet, "http://"+at+"/v1/status", ""); return got == 200 }, 10*time.Second, 10*time.Millisecond)
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"no JSON":           {http.MethodPatch, "/v1/status", "{", 400},
		"too large":         {http.MethodPatch, "/v1/status", `{"data":"` + strings.Repeat("x", 1<<17) + `"}`, 400},
		"users":             {http.MethodPatch, "/v1/status", `{"data":{"attributes":{"vus":5}}}`, 400},
		"no such metric":    {http.MethodGet, "/v1/metrics/none", "", 404},
		"no such resource":  {http.MethodGet, "/v1/none", "", 404},
		"a verb that fails": {http.MethodDelete, "/v1/status", "", 404},
	} {
		got, text := call(t, c.method, "http://"+at+c.path, c.body)
		assert.Equal(t, c.want, got, name)
		assert.NotEmpty(t, gjson.Get(text, "errors.0.detail").String(), name)
	}
	call(t, http.MethodPatch, "http://"+at+"/v1/status", startBody)
	assert.Equal(t, 0, <-code)
}

func TestAddressThatIsTaken(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	r := newRun(t, `export default function () {}`)
	assert.Equal(t, 106, r.command(t.Context(), "run", "test.js", "-q", "--address", ln.Addr().String()))
	assert.Contains(t, r.log.String(), "--address")
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		flags []string
		want  int
	}{
		{"asked for", []string{"--profiling-enabled"}, http.StatusOK},
		{"not asked for", nil, http.StatusNotFound},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			at := freeAddress(t)
			r := newRun(t, `import { sleep } from 'k6'; export default function () { sleep(60) }`)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			code := make(chan int, 1)
			go func() {
				code <- r.command(ctx, append([]string{"run", "test.js", "-q", "--address", at}, row.flags...)...)
			}()
			var heap string
			require.Eventually(t, func() bool {
				var got int
				got, heap = call(t, http.MethodGet, "http://"+at+"/debug/pprof/heap", "")
				return got == row.want
			}, 10*time.Second, 10*time.Millisecond)
			profile := row.want == http.StatusOK
			require.Equal(t, profile, strings.HasPrefix(heap, "\x1f\x8b"), "a profile is compressed")
			if profile {
				_, cpu := call(t, http.MethodGet, "http://"+at+"/debug/pprof/profile?seconds=1", "")
				require.True(t, strings.HasPrefix(cpu, "\x1f\x8b"), cpu)
			}
			stop()
			require.Equal(t, 105, <-code)
		})
	}
}
