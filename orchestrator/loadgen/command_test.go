package loadgen_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer is a bytes.Buffer that goroutines may share.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// run is one command in a folder of its own.
type run struct {
	dir      string
	env      []string
	out, log buffer
	hard     chan struct{}
}

func newRun(t *testing.T, script string) *run {
	t.Helper()
	r := &run{dir: t.TempDir(), hard: make(chan struct{})}
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "test.js"), []byte(script), 0o600))
	return r
}

func (r *run) command(ctx context.Context, args ...string) int {
	return loadgen.Command(ctx, args, loadgen.IO{
		Stdout: &r.out, Stderr: &r.log, Environ: func() []string { return r.env }, Dir: r.dir, Hard: r.hard, Version: "1.2.3",
	})
}

func (r *run) file(t *testing.T, name string) map[string]any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	require.NoError(t, err)
	var v map[string]any
	require.NoError(t, json.Unmarshal(b, &v))
	return v
}

// total returns a number of the exported summary.
func (r *run) total(t *testing.T, metric, value string) any {
	t.Helper()
	metrics := r.file(t, "sum.json")["metrics"].(map[string]any)
	m, ok := metrics[metric].(map[string]any)
	require.True(t, ok, "metric %s is in the summary", metric)
	return m[value]
}

func Example() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	_ = os.WriteFile(filepath.Join(dir, "hello.js"), []byte(`export default function () { console.log('hi') }`), 0o600)
	code := loadgen.Command(context.Background(), []string{"run", "hello.js", "--quiet", "--no-summary"}, loadgen.IO{
		Stdout: os.Stdout, Stderr: io.Discard, Dir: dir,
	})
	fmt.Println(code)
	// Output: 0
}

// counted is a target that knows how often it was asked.
func counted(t *testing.T, h http.HandlerFunc) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = &atomic.Int64{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if h != nil {
			h(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, requests
}

// twoPhases has a user for each iteration, so that a busy machine drops none.
const twoPhases = `
import http from 'k6/http';
import { check } from 'k6';
import { Counter } from 'k6/metrics';
const mine = new Counter('mine');
export const options = {
  scenarios: {
    warmup: { executor: 'constant-arrival-rate', rate: 20, duration: '500ms', preAllocatedVUs: 10, gracefulStop: '1s', exec: 'walk', env: { PHASE: 'w' } },
    steady: { executor: 'ramping-arrival-rate', startRate: 40, stages: [{ duration: '1s', target: 40 }], preAllocatedVUs: 40, maxVUs: 42, startTime: '500ms', gracefulStop: '1s', exec: 'walk', tags: { extra: 'e' } },
  },
  thresholds: { 'http_req_duration{scenario:steady}': ['p(95)<2000'], 'http_req_failed{scenario:steady}': ['rate<0.05'], 'checks{scenario:steady}': ['rate>0.95'] },
};
export function setup() { return { token: 'tok' }; }
export function walk(data) {
  const r = http.get(__ENV.API_URL + '/' + (__ENV.PHASE || 's'), { headers: { 'X-Token': data.token } });
  check(r, { 'статус 200': (r) => r.status === 200 });
  mine.add(2);
}
`

func TestRunFromEndToEnd(t *testing.T) {
	t.Parallel()
	var warm, steady atomic.Int64
	url, requests := counted(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != "tok" || r.UserAgent() != "hackload-loadgen/1.2.3" {
			w.WriteHeader(http.StatusForbidden)
		}
		if r.URL.Path == "/w" {
			warm.Add(1)
		} else {
			steady.Add(1)
		}
	})
	r := newRun(t, twoPhases)
	code := r.command(t.Context(), "run", "test.js", "-e", "API_URL="+url, "--summary-export", "sum.json", "--progress-file", "progress.json", "--result-file", "result.json", "--abort-when-lost", "-q")
	require.Equal(t, 0, code, r.log.String())
	assert.Equal(t, int64(10), warm.Load())
	assert.Equal(t, int64(40), steady.Load())
	assert.Equal(t, int64(50), requests.Load())
	assert.EqualValues(t, 50, r.total(t, "http_reqs", "count"))
	assert.EqualValues(t, 50, r.total(t, "iterations", "count"))
	assert.EqualValues(t, 100, r.total(t, "mine", "count"))
	assert.EqualValues(t, 50, r.total(t, "checks", "passes"))
	assert.Equal(t, map[string]any{"p(95)<2000": false}, r.total(t, "http_req_duration{scenario:steady}", "thresholds"), "false: it did not fail")
	assert.Contains(t, r.out.String(), "статус 200")

	var progress contest.Progress
	b, err := os.ReadFile(filepath.Join(r.dir, "progress.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &progress))
	assert.Equal(t, int64(50), progress.Requests)
	assert.Equal(t, 1500*time.Millisecond, progress.Planned.D())
	var result launch.Result
	b, err = os.ReadFile(filepath.Join(r.dir, "result.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &result))
	assert.Zero(t, result.ExitCode)
	assert.False(t, result.Aborted)
	assert.GreaterOrEqual(t, result.Ended.Sub(result.Started), 1500*time.Millisecond)
}

func TestSegmentsShareTheTest(t *testing.T) {
	t.Parallel()
	url, requests := counted(t, nil)
	for _, segment := range []string{"0:1/3", "1/3:2/3", "2/3:1"} {
		r := newRun(t, twoPhases)
		require.Equal(t, 0, r.command(t.Context(), "run", "test.js", "-q", "-e", "API_URL="+url, "--execution-segment", segment, "--execution-segment-sequence", "0,1/3,2/3,1", "--no-thresholds"), r.log.String())
	}
	assert.Equal(t, int64(50), requests.Load())
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	const nothing = "export default function () {}"
	for name, tc := range map[string]struct {
		script string
		args   []string
		code   int
		want   string // in what was written to stderr
	}{
		"ok":                      {nothing, nil, 0, ""},
		"exceptions are no error": {"export default function () { throw new Error('boom') }", nil, 0, "Error: boom"},
		"failed checks neither":   {"import {check} from 'k6'; export default function () { check(1, {a: false}) }", nil, 0, ""},
		"unknown option":          {"export const options = {fooBar: 1}; " + nothing, nil, 0, "fooBar"},
		"threshold":               {"import {check} from 'k6'; export const options = {thresholds: {checks: ['rate>0.5']}}; export default function () { check(1, {a: false}) }", nil, 99, "checks: rate>0.5 (is 0)"},
		"no thresholds":           {"import {check} from 'k6'; export const options = {thresholds: {checks: ['rate>0.5']}}; export default function () { check(1, {a: false}) }", []string{"--no-thresholds"}, 0, ""},
		"nothing measured":        {"export const options = {thresholds: {checks: ['rate>0.5']}}; " + nothing, nil, 0, ""},
		"setup takes too long":    {"import {sleep} from 'k6'; export const options = {setupTimeout: '50ms'}; export function setup() { sleep(60) } " + nothing, nil, 100, "setup() took longer than 50ms"},
		"teardown takes too long": {"export const options = {teardownTimeout: '50ms'}; export function teardown() { for (;;) {} } " + nothing, nil, 101, "teardown() took longer"},
		"setup throws":            {"export function setup() { throw new Error('s') } " + nothing, nil, 107, "setup(): Error: s"},
		"no setup":                {"export function setup() { throw new Error('s') } " + nothing, []string{"--no-setup"}, 0, ""},
		"teardown throws":         {"export function teardown() { throw new Error('t') } " + nothing, nil, 107, "teardown(): Error: t"},
		"init throws":             {"throw new Error('i')", nil, 107, "test.js: Error: i"},
		"syntax":                  {"let = ;", nil, 107, "test.js:1:7: "},
		"unsupported module":      {"import b from 'k6/browser'; b.x(); " + nothing, nil, 107, `module "k6/browser" is not supported`},
		"no default export":       {"export function other() {}", nil, 104, "no default export"},
		"no exec":                 {"export const options = {scenarios: {a: {executor: 'shared-iterations', exec: 'walk'}}}", nil, 104, "options.scenarios.a.exec: the script exports no function walk"},
		"unknown executor":        {"export const options = {scenarios: {a: {executor: 'sideways'}}}; " + nothing, nil, 104, `options.scenarios: a: executor: "sideways" is not an executor: want one of constant-arrival-rate`},
		"unknown scenario key":    {"export const options = {scenarios: {a: {executor: 'constant-vus', rate: 3}}}; " + nothing, nil, 104, "a: rate: constant-vus has no such key"},
		"unknown metric":          {"export const options = {thresholds: {http_reqz: ['count>1']}}; " + nothing, nil, 104, "there is no metric http_reqz"},
		"bad expression":          {"export const options = {thresholds: {http_reqs: ['count>>1']}}; " + nothing, nil, 104, `test.js: options.thresholds: threshold "count>>1" of http_reqs: want METHOD OP NUMBER`},
		"bad aggregation":         {"export const options = {thresholds: {http_req_duration: ['count>1']}}; " + nothing, nil, 104, "which has only [avg min max med p(N)]"},
		"bad duration":            {nothing, []string{"--duration", "soon"}, 104, "--duration: "},
		"bad tag":                 {nothing, []string{"--tag", "x"}, 104, "--tag: "},
		"bad output":              {nothing, []string{"--out", "kafka"}, 104, "--out kafka: want json=FILE"},
		"bad blacklist":           {nothing, []string{"--blacklist-ip", "x"}, 104, "--blacklist-ip: "},
		"bad segment":             {nothing, []string{"--execution-segment", "1:0"}, 104, "execution segment"},
		"address":                 {nothing, []string{"--address", "127.0.0.1:none"}, 106, "--address: "},
		"unknown flag":            {nothing, []string{"--nope"}, 255, "unknown flag: --nope"},
		"abort":                   {"import exec from 'k6/execution'; export default function () { exec.test.abort('enough') }", nil, 108, "test aborted: enough"},
		"abort in setup":          {"import exec from 'k6/execution'; export function setup() { exec.test.abort('early') } " + nothing, nil, 108, "test aborted: early"},
		"abort in init":           {"import exec from 'k6/execution'; exec.test.abort('at once'); " + nothing, nil, 108, "test aborted: at once"},
		"marked as failed":        {"import exec from 'k6/execution'; export default function () { exec.test.fail('bad') }", nil, 110, "marked"},
		"broken summary":          {"export function handleSummary() { throw new Error('h') } " + nothing, nil, 0, "handleSummary() failed"},
		"JS out of recursion":     {"function f() { f() } export default function () { f() }", nil, 0, "Maximum call stack"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, tc.script)
			assert.Equal(t, tc.code, r.command(t.Context(), append([]string{"run", "test.js", "-q"}, tc.args...)...), r.log.String())
			assert.Contains(t, r.log.String(), tc.want)
		})
	}
}

func TestMissingScript(t *testing.T) {
	t.Parallel()
	r := newRun(t, "")
	assert.Equal(t, 255, r.command(t.Context(), "run", "none.js"))
	assert.Contains(t, r.log.String(), "none.js does not exist")
	assert.Equal(t, 255, r.command(t.Context(), "run"))
	assert.Equal(t, 0, r.command(t.Context(), "version"))
	assert.Contains(t, r.out.String(), "loadgen 1.2.3")
	assert.Equal(t, 0, r.command(t.Context(), "run", "--help"))
	assert.Contains(t, r.out.String(), "--summary-export")
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	const script = `export const options = {iterations: 3}; export default function () {}`
	for name, tc := range map[string]struct {
		env  []string
		args []string
		want int
	}{
		"script":      {nil, nil, 3},
		"environment": {[]string{"K6_ITERATIONS=5"}, nil, 5},
		"flag":        {[]string{"K6_ITERATIONS=5"}, []string{"-i", "7", "-u", "2"}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, script)
			r.env = tc.env
			require.Equal(t, 0, r.command(t.Context(), append([]string{"run", "test.js", "-q", "--summary-export", "sum.json"}, tc.args...)...), r.log.String())
			assert.EqualValues(t, tc.want, r.total(t, "iterations", "count"))
		})
	}
}

func TestSecretsAreNotInTheScriptsEnvironment(t *testing.T) {
	t.Parallel()
	r := newRun(t, "export default function () { console.log(JSON.stringify(__ENV)) }")
	r.env = []string{"K6_PROMETHEUS_RW_BEARER_TOKEN=tok123", "K6_PROMETHEUS_RW_SERVER_URL=http://x", "HACKLOAD_API_KEY=key123", "COPY=has tok123 in it", "VISIBLE=yes"}
	require.Equal(t, 0, r.command(t.Context(), "run", "test.js", "-q", "-e", "MINE=too"))
	assert.Contains(t, r.log.String(), "VISIBLE")
	assert.Contains(t, r.log.String(), "MINE")
	assert.NotContains(t, r.log.String(), "tok123")
	assert.NotContains(t, r.log.String(), "key123")

	r = newRun(t, "export default function () { console.log(JSON.stringify(__ENV)) }")
	r.env = []string{"VISIBLE=yes"}
	require.Equal(t, 0, r.command(t.Context(), "run", "test.js", "-q", "--include-system-env-vars=false"))
	assert.NotContains(t, r.log.String(), "VISIBLE")
}

func TestBlacklistedTargets(t *testing.T) {
	t.Parallel()
	url, requests := counted(t, nil)
	for _, args := range [][]string{{"--blacklist-ip", "127.0.0.0/8"}, {"-e", "OPTION=1"}} {
		r := newRun(t, `import http from 'k6/http'; export const options = __ENV.OPTION ? {blacklistIPs: ['127.0.0.1']} : {};
			export default function () { console.log(http.get('`+url+`').error_code) }`)
		require.Equal(t, 0, r.command(t.Context(), append([]string{"run", "test.js", "-q"}, args...)...), r.log.String())
		assert.Contains(t, r.log.String(), "msg=1110")
	}
	assert.Zero(t, requests.Load())
}
