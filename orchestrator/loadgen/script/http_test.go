package script_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

func api(t *testing.T) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/json":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Add("X-Two", "1")
			w.Header().Add("X-Two", "2")
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s"})
			_, _ = io.WriteString(w, `{"events":[{"id":1,"title":"Концерт"}],"n":3}`)
		case "/redirect":
			http.Redirect(w, r, "/json", http.StatusFound)
		case "/status":
			var status int
			_, _ = fmt.Sscan(r.URL.RawQuery, &status)
			w.WriteHeader(status)
		default:
			body, _ := io.ReadAll(r.Body)
			_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "body": string(body), "headers": r.Header, "query": r.URL.RawQuery})
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	url := api(t).URL
	for name, body := range map[string]string{
		"response": `const r = http.get(U + '/json');
			same([r.status, r.status_text, r.proto, r.error, r.error_code, r.url], [200, '200 OK', 'HTTP/1.1', '', 0, U + '/json']);
			same(r.headers['X-Two'], '1, 2'); same(r.json().n, 3); same(r.json('events.0.title'), 'Концерт'); same(r.json('nope'), undefined);
			same(r.cookies.sid[0].value, 's'); same(r.remote_ip, '127.0.0.1'); same(r.request.method, 'GET');
			same(Object.keys(r.timings), ['duration', 'blocked', 'looking_up', 'connecting', 'tls_handshaking', 'sending', 'waiting', 'receiving']);
			same(r.timings.duration > 0 && Math.abs(r.timings.duration - r.timings.sending - r.timings.waiting - r.timings.receiving) < 0.001, true);
			throws(() => { r.mine = 4 }, 'Cannot'); same('body' in r, true); same(JSON.parse(JSON.stringify(r)).status, 200)`,
		"verbs": `for (const [f, m] of [['post', 'POST'], ['put', 'PUT'], ['patch', 'PATCH'], ['del', 'DELETE'], ['options', 'OPTIONS']]) { const j = http[f](U + '/x', 'тело').json(); same([j.method, j.body], [m, 'тело']) }
			same(http.request('search', U + '/x').json('method'), 'search'); same(http.head(U + '/json').status, 200); same(http.post(U + '/x', null).json('body'), '')`,
		"bodies": `same(http.post(U + '/x', {a: 'б в', c: [1, 2]}).json('body'), 'a=%D0%B1+%D0%B2&c=1&c=2'); same(http.post(U + '/x', {a: 1}).json('headers.Content-Type.0'), 'application/x-www-form-urlencoded');
			same(http.post(U + '/x', {a: 1}, {headers: {'content-type': 'x/y'}}).json('headers.Content-Type'), ['x/y']); same(http.post(U + '/x', new Uint8Array([65, 66]).buffer).json('body'), 'AB')`,
		"params": `same(http.get(U + '/x', {headers: {'X-A': 'я', Authorization: 'Basic ' + b64encode('a:b')}}).json('headers.Authorization.0'), 'Basic YTpi');
			same(http.get(U + '/x', {cookies: {a: 'b', c: {value: 'd'}}}).json('headers.Cookie.0'), 'a=b; c=d'); same(http.get(U + '/redirect', {redirects: 0}).status, 302); same(http.get(U + '/redirect').url, U + '/json');
			same(http.get(U + '/json', {responseType: 'none'}).body, null); same(new Uint8Array(http.get(U + '/json', {responseType: 'binary'}).body).length > 10, true);
			same(http.get(U.replace('//', '//us:pw@') + '/x', {auth: 'basic'}).json('headers.Authorization.0'), 'Basic dXM6cHc=');
			same(http.get(U + '/x').json('headers.User-Agent.0'), 'ua'); http.get(U + '/x', {timeout: '5s'}); http.get(U + '/x', {timeout: 5000}); http.get(U + '/x', null)`,
		"bad params": `for (const [params, why] of [[{timeout: 'soon'}, 'duration'], [{auth: 'ntlm'}, 'not supported'], [{responseType: 'xml'}, 'none of text'], [{responseCallback: 3}, 'expectedStatuses'], [{tags: {a: {}}}, 'tag a']]) {
				const r = http.get(U, params); same([r.status, r.error_code, r.error.includes(why)], [0, 0, true]); params.throw = true; throws(() => http.get(U, params), why) }
			throws(() => http.get(U + '/status?204').json(), 'body is null'); throws(() => http.get(U + '/status?200').json(), 'not JSON')`,
		"failures": `const r = http.get('http://127.0.0.1:1/'); same([r.status, r.body, r.error, r.error_code], [0, null, 'dial: connection refused', 1212]); throws(() => r.json(), 'null');
			same([http.get('nonsense').error_code, http.get('http://[').error_code], [1000, 1020]); throws(() => http.get('http://127.0.0.1:1/', {throw: true}), 'refused')`,
		"callbacks": `http.setResponseCallback(http.expectedStatuses(404, {min: 500, max: 502})); http.get(U + '/status?404'); http.get(U + '/status?501', {responseCallback: null}); http.setResponseCallback(null); http.get(U + '/status?500')`,
		"batch": `const rs = http.batch([U + '/json', ['POST', U + '/x', 'b'], {method: 'PUT', url: U + '/x', body: 'c', params: {tags: {name: 'n'}}}]); same(rs.map((r) => r.status), [200, 200, 200]); same(rs[2].json('body'), 'c');
			same(http.batch({one: U + '/json', bad: 'http://127.0.0.1:1/'}).one.json('n'), 3)`,
		"template": "same(http.get(http.url`${U}/json`).status, 200)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok(t, "const U = '"+url+"';"+body)
		})
	}
}

func TestAsyncRequest(t *testing.T) {
	t.Parallel()
	b, r := iterate(t, "import http from 'k6/http'; export default async function () { const rs = await Promise.all([1, 2].map(() => http.asyncRequest('GET', '"+api(t).URL+"/json'))); if (rs[1].json('n') !== 3) throw new Error('n') }")
	require.NoError(t, r.Err)
	assert.Equal(t, 2.0, b.sum("http_reqs"))
}

func TestSamplesOfRequests(t *testing.T) {
	t.Parallel()
	url := api(t).URL
	b := ok(t, `const U = '`+url+`'; http.get(U + '/redirect', {tags: {kind: 'a'}}); http.get(U + '/status?419', {responseCallback: http.expectedStatuses(419)});
		http.get(U + '/status?404'); http.get('http://127.0.0.1:1/', {tags: {name: 'dead'}}); exec.vu.tags.who = 'me'; http.get(U + '/json?secret=1')`)
	base := map[string]string{"testid": "t", "scenario": "steady", "method": "GET", "proto": "HTTP/1.1"}
	with := func(pairs ...string) map[string]string {
		out := map[string]string{}
		for k, v := range base {
			out[k] = v
		}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = pairs[i+1]
		}
		maps.DeleteFunc(out, func(_, v string) bool { return v == "" })
		return out
	}
	assert.ElementsMatch(t, []map[string]string{
		with("status", "302", "expected_response", "true", "kind", "a"),
		with("status", "200", "expected_response", "true", "kind", "a"),
		with("status", "419", "expected_response", "true", "error_code", "1419"),
		with("status", "404", "expected_response", "false", "error_code", "1404"),
		with("proto", "", "status", "0", "expected_response", "false", "error_code", "1212", "error", "dial: connection refused", "name", "dead", "url", "dead"),
		with("status", "200", "expected_response", "true", "who", "me"),
	}, b.series("http_reqs"), "no URL is a label unless the request has a name")
	failed, _ := b.agg.Snapshot().Merged("http_req_failed")
	assert.Equal(t, uint64(2), failed.True)
	assert.Equal(t, uint64(6), failed.Count)
	assert.Positive(t, b.sum("data_sent"))
	assert.Positive(t, b.sum("data_received"))
	for _, name := range []string{"http_req_duration", "http_req_blocked", "http_req_connecting", "http_req_tls_handshaking", "http_req_sending", "http_req_waiting", "http_req_receiving"} {
		trend, _ := b.agg.Snapshot().Merged(name)
		assert.Equal(t, uint64(6), trend.Count, name)
	}
}

func TestInterruptedRequestIsNoMeasurement(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer srv.Close()
	defer close(release)
	p, err := files(t, map[string]string{"main.js": "import http from 'k6/http'; export default function () { http.get('" + srv.URL + "') }"})
	require.NoError(t, err)
	b := newBench(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	assert.True(t, b.vm.Iterate(ctx, b.task, script.Iteration{}).Interrupted())
	assert.Zero(t, b.sum("http_reqs"))
}

// Async requests that nobody waits for end with the iteration that threw.
func TestAsyncRequestEndsWithItsIteration(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer srv.Close()
	defer close(release)
	_, r := iterate(t, "import http from 'k6/http'; export default function () { http.asyncRequest('GET', '"+srv.URL+"'); throw new Error('thrown') }")
	assert.ErrorContains(t, r.Err, "thrown")
}

// Whatever a target answers, the script goes on and the answer is counted.
func TestHostileTargets(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/html":
			_, _ = io.WriteString(w, "<html>not JSON</html>")
		case "/circle":
			http.Redirect(w, r, "/circle", http.StatusFound)
		case "/huge":
			w.Header().Set("Content-Length", "1000000000")
		case "/large":
			_, _ = w.Write(make([]byte, 10<<20))
		case "/endless":
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		case "/slow":
			<-r.Context().Done()
		case "/broken":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
		}
	}))
	t.Cleanup(srv.Close)
	b := ok(t, `const U = '`+srv.URL+`';
		throws(() => http.get(U + '/html').json(), 'not JSON'); same(http.get(U + '/html').json('a'), undefined);
		same([http.get(U + '/circle').status], [302]); same(http.get(U + '/large').body.length, 10 << 20);
		same([http.get(U + '/huge').status, http.get(U + '/huge').body, http.get(U + '/endless').error], [0, null, "the answer's body is larger than allowed"]);
		const slow = http.get(U + '/slow', {timeout: '100ms'}); same([slow.status, slow.error_code, slow.error], [0, 1050, 'request timeout']);
		same(http.get(U + '/broken').error, 'unexpected EOF')`)
	assert.Equal(t, 11.0+8, b.sum("http_reqs"), "a redirect is counted hop by hop")
	assert.Contains(t, b.log.String(), "a redirect was not followed")
}

func TestPasswordsAreNotTold(t *testing.T) {
	t.Parallel()
	b := ok(t, `http.get('http://user:hunter2@127.0.0.1:1/'); http.get('http://user:hunter2@bad host/'); same(http.get('http://user:hunter2@[/').error.includes('hunter2'), false)`)
	assert.Contains(t, b.log.String(), "127.0.0.1:1")
	assert.NotContains(t, b.log.String(), "hunter2")
}
