package loadgen_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/stretchr/testify/require"
)

// waitFor waits until something is in the run's log.
func (r *run) waitFor(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), text) }, 10*time.Second, 5*time.Millisecond, text)
}

func TestInterruptStopsInOrder(t *testing.T) {
	t.Parallel()
	r := newRun(t, `import { sleep } from 'k6'; export const options = {vus: 2, duration: '5m'};
		export default function () { console.log('started'); sleep(300) } export function teardown() { console.log('torn down') }`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code := make(chan int, 1)
	go func() { code <- r.command(ctx, "run", "test.js", "-q", "--summary-export", "sum.json") }()
	r.waitFor(t, "started")
	cancel()
	assert.Equal(t, 105, <-code)
	assert.Contains(t, r.log.String(), "torn down")
	assert.NotContains(t, r.out.String(), "iterations....", "none was finished")
	r.file(t, "sum.json")
}

func TestAbortOnFail(t *testing.T) {
	t.Parallel()
	r := newRun(t, `import { check, sleep } from 'k6'; export const options = {vus: 1, duration: '5m', thresholds: {checks: [{threshold: 'rate>0.5', abortOnFail: true}]}};
		export default function () { check(1, {a: false}); sleep(0.1) }`)
	assert.Equal(t, 99, r.command(t.Context(), "run", "test.js", "-q", "--result-file", "result.json"))
	assert.Equal(t, true, r.file(t, "result.json")["aborted"])
}

func TestAbortWhenLost(t *testing.T) {
	t.Parallel()
	const script = `import { check } from 'k6'; export const options = {scenarios: {steady: {executor: 'constant-arrival-rate', rate: 10, duration: '8s', preAllocatedVUs: 2, gracefulStop: '0s'}},
		thresholds: {'checks{scenario:steady}': ['rate>0.9']}}; export default function () { check(1, {a: __ITER > BAD}) }`
	r := newRun(t, strings.Replace(script, "BAD", "1e9", 1))
	assert.Equal(t, 99, r.command(t.Context(), "run", "test.js", "-q", "--abort-when-lost", "--summary-export", "sum.json"))
	assert.Less(t, r.total(t, "iterations", "count"), 80.0, "8 bad ones of 80 are too many")
	assert.Contains(t, r.log.String(), "cannot be met any more")

	r = newRun(t, strings.Replace(script, "BAD", "1e9", 1)) // told as launchers on a cluster do
	r.env = append(r.env, contest.AbortVariable+"=true")
	assert.Equal(t, 99, r.command(t.Context(), "run", "test.js", "-q", "--summary-export", "sum.json"))
	assert.Contains(t, r.log.String(), "cannot be met any more")
}

func TestHardStop(t *testing.T) {
	t.Parallel()
	r := newRun(t, "export default function () { console.log('started'); for (;;) {} }\nexport function teardown() { console.log('torn down'); for (;;) {} }\nexport const options = {teardownTimeout: '1s'}")
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- r.command(ctx, "run", "test.js", "-q") }()
	r.waitFor(t, "started")
	cancel()
	r.waitFor(t, "torn down")
	close(r.hard)
	assert.Equal(t, 105, <-code)
	time.Sleep(1200 * time.Millisecond) // what was left behind ends too, at its own limit
}
