package loadgen_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestSmoke(t *testing.T) {
	t.Parallel()
	url, requests := counted(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ответ "+strings.Repeat("x", 3000))
	})
	script := strings.Replace(twoPhases, "'X-Token': data.token", "'X-Token': data.token, Authorization: 'Basic c2VjcmV0'", 1)
	r := newRun(t, script)
	require.Equal(t, 0, r.command(t.Context(), "run", "test.js", "--smoke", "-e", "API_URL="+url), r.log.String())
	assert.Equal(t, int64(1), requests.Load(), "only the judged scenario is tried")
	assert.Contains(t, r.out.String(), "# scenario steady, function walk")
	assert.Contains(t, r.out.String(), "> GET "+url+"/s\n")
	assert.Contains(t, r.out.String(), "> Authorization: Basic ****\n")
	assert.NotContains(t, r.out.String(), "c2VjcmV0")
	assert.Contains(t, r.out.String(), "< HTTP/1.1 200 OK")
	assert.Contains(t, r.out.String(), "< ответ xxx")
	assert.Contains(t, r.out.String(), "… (3011 bytes in all)")

	dead := newRun(t, script)
	assert.Equal(t, 99, dead.command(t.Context(), "run", "test.js", "--smoke", "-e", "API_URL=http://127.0.0.1:1"))
	assert.Contains(t, dead.out.String(), "< no answer: dial: connection refused (error code 1212)")
	silent := newRun(t, "export default function () {}")
	assert.Equal(t, 99, silent.command(t.Context(), "run", "test.js", "--smoke"))
	broken := newRun(t, "export default function () { throw new Error('x') }")
	assert.Equal(t, 107, broken.command(t.Context(), "run", "test.js", "--smoke"))
}

func TestInspect(t *testing.T) {
	t.Parallel()
	r := newRun(t, twoPhases)
	require.Equal(t, 0, r.command(t.Context(), "inspect", "test.js", "--json-script"), r.log.String())
	var s contest.Script
	require.NoError(t, json.Unmarshal([]byte(r.out.String()), &s))
	assert.Equal(t, "test", s.Name)
	assert.Len(t, s.SHA256, 64)
	assert.Len(t, s.Thresholds, 3)
	assert.Equal(t, []contest.ScriptScenario{
		{Name: "steady", Executor: "ramping-arrival-rate", Exec: "walk", Start: contest.Duration(500 * time.Millisecond), Duration: contest.Duration(time.Second), Planned: 40, MaxVUs: 42},
		{Name: "warmup", Executor: "constant-arrival-rate", Exec: "walk", Duration: contest.Duration(500 * time.Millisecond), Planned: 10, MaxVUs: 10},
	}, s.Scenarios)

	r = newRun(t, twoPhases)
	require.Equal(t, 0, r.command(t.Context(), "inspect", "test.js", "--execution-requirements"))
	var o map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.out.String()), &o))
	assert.Equal(t, "2.5s", o["totalDuration"])
	assert.EqualValues(t, 52, o["maxVUs"])
	assert.Contains(t, o["scenarios"], "steady")
	assert.Equal(t, 104, newRun(t, "export const x = 1").command(t.Context(), "inspect", "test.js"))
}

func TestHandleSummary(t *testing.T) {
	t.Parallel()
	r := newRun(t, `export function setup() { return {a: 1} } export default function () {}
		export function handleSummary(d) { return {stdout: 'iterations: ' + d.metrics.iterations.values.count + '\n', 'out.json': JSON.stringify(d.setup_data), bad: 3} }`)
	require.Equal(t, 0, r.command(t.Context(), "run", "test.js", "-q", "-i", "4"), r.log.String())
	assert.Equal(t, "iterations: 4\n", r.out.String())
	assert.Equal(t, map[string]any{"a": 1.0}, r.file(t, "out.json"))
	assert.Contains(t, r.log.String(), "content for bad is neither text nor bytes")
}

func TestHTTPDebug(t *testing.T) {
	t.Parallel()
	url, _ := counted(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0xff, 0xfe, 0, 1, 2, 3, 4, 5}) })
	script := `import http from 'k6/http'; export default function () { http.post('` + url + `', 'sent') }`
	r := newRun(t, script)
	require.Equal(t, 0, r.command(t.Context(), "run", "test.js", "-q", "--http-debug", "--no-summary"))
	assert.NotContains(t, r.out.String(), "sent")
	r = newRun(t, script)
	require.Equal(t, 0, r.command(t.Context(), "run", "test.js", "-q", "--http-debug=full", "--no-summary"))
	assert.Contains(t, r.out.String(), "> sent")
	assert.Contains(t, r.out.String(), "(8 bytes that are not text)")
	assert.Equal(t, 104, newRun(t, script).command(t.Context(), "run", "test.js", "--http-debug=loud"))
}
