package script_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

func TestInfiniteLoopsEnd(t *testing.T) {
	t.Parallel()
	p, err := files(t, map[string]string{"main.js": "export default function () { try { for (;;) {} } finally { for (;;) {} } }\nif (__ENV.A === 'loop') for (;;) {}"})
	require.NoError(t, err)
	b := newBench(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r := b.vm.Iterate(ctx, b.task, script.Iteration{})
	assert.True(t, r.Interrupted())
	assert.Zero(t, b.sum("iterations"))
	assert.Equal(t, int64(1), b.test.Interrupted.Load())

	c := config(io.Discard)
	c.Env = map[string]string{"A": "loop"}
	short, cancel2 := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel2()
	_, err = p.New(short, c, nil, 1)
	assert.ErrorIs(t, err, script.ErrInterrupted)
}

func TestAsync(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ source, want string }{
		"awaited":          {"export default async function () { await new Promise((r) => setTimeout(r, 5)); }", ""},
		"timer not waited": {"let done = 0; export default function () { setTimeout(() => { throw new Error('later') }, 1) }", "later"},
		"interval":         {"export default async function () { let n = 0; await new Promise((r) => { const id = setInterval(() => { if (++n === 3) { clearInterval(id); r() } }, 1) }); if (n !== 3) throw new Error('' + n) }", ""},
		"cleared":          {"export default function () { clearTimeout(setTimeout(() => { throw new Error('no') }, 50)); clearTimeout(99) }", ""},
		"arguments":        {"export default async function () { const v = await new Promise((r) => setTimeout(r, 1, 'x')); if (v !== 'x') throw new Error(v) }", ""},
		"rejected":         {"export default async function () { throw new Error('rejected') }", "Uncaught (in promise) Error: rejected"},
		"nobody looks":     {"export default function () { Promise.reject(new Error('alone')) }", "Uncaught (in promise) Error: alone"},
		"handled":          {"export default function () { Promise.reject(new Error('x')).catch(() => {}) }", ""},
		"never settled":    {"export default async function () { await new Promise(() => {}) }", "never settled"},
		"no function":      {"export default function () { setTimeout(3) }", "must be a function"},
		"timers module":    {"import { setTimeout as st } from 'k6/timers'; export default async function () { await new Promise((r) => st(r, 1)) }", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, r := iterate(t, tc.source)
			if tc.want == "" {
				require.NoError(t, r.Err)
				return
			}
			assert.ErrorContains(t, r.Err, tc.want)
			assert.Contains(t, b.log.String(), "level=ERROR", "an exception is logged")
			assert.Equal(t, 1.0, b.sum("iterations"), "and the iteration counts")
		})
	}
}

func TestTimersEndWithTheIteration(t *testing.T) {
	t.Parallel()
	p, err := files(t, map[string]string{"main.js": "export default function () { setInterval(() => {}, 1000) }"})
	require.NoError(t, err)
	b := newBench(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	assert.True(t, b.vm.Iterate(ctx, b.task, script.Iteration{}).Interrupted())
	ctx2, cancel2 := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel2()
	assert.True(t, b.vm.Iterate(ctx2, b.task, script.Iteration{}).Interrupted(), "the VM can be used again")
}

func TestAbortAndFail(t *testing.T) {
	t.Parallel()
	p, err := files(t, map[string]string{"main.js": "import exec from 'k6/execution'; export default function () { exec.test.fail('marked'); try { exec.test.abort('why') } catch (e) {} for (;;) {} }"})
	require.NoError(t, err)
	b := newBench(t, p)
	reason := ""
	b.stop = func(r string) { reason = r }
	var abort *script.AbortError
	require.ErrorAs(t, b.vm.Iterate(t.Context(), b.task, script.Iteration{}).Err, &abort)
	assert.Equal(t, "why", reason)
	assert.True(t, b.test.Failed.Load())
}

func TestLifecycleFunctions(t *testing.T) {
	t.Parallel()
	p, err := files(t, map[string]string{"main.js": imports + `
		export function setup() { check(1, {s: true}); return {a: [1, 'я'], u: undefined} }
		export default function (data) { same(data, {a: [1, 'я']}); data.mine = (data.mine || 0) + 1; c.add(data.mine) }
		export async function teardown(data) { same(data.a[1], 'я'); await null; }
		export function bad() { throw new TypeError('bad') }`})
	require.NoError(t, err)
	b := newBench(t, p)
	data, err := b.vm.Run(t.Context(), "setup", "::setup", "")
	require.NoError(t, err)
	assert.JSONEq(t, `{"a":[1,"я"]}`, data)
	b.task.Data = data
	require.NoError(t, b.vm.Iterate(t.Context(), b.task, script.Iteration{}).Err)
	_, err = b.vm.Run(t.Context(), "teardown", "::teardown", data)
	require.NoError(t, err)
	_, err = b.vm.Run(t.Context(), "bad", "", "")
	assert.ErrorContains(t, err, "TypeError: bad\n\tat bad (")
	nothing, err := b.vm.Run(t.Context(), "nope", "", "")
	require.NoError(t, err)
	assert.Empty(t, nothing)
	assert.Contains(t, b.series("checks"), map[string]string{"check": "s", "group": "::setup", "testid": "t"})
}

func TestWatchKnowsTheMostSamplesOfAnIteration(t *testing.T) {
	t.Parallel()
	p, err := files(t, map[string]string{"main.js": imports + "export default function () { for (let i = 0; i <= __ITER % 3; i++) check(1, {a: true}) }"})
	require.NoError(t, err)
	b := newBench(t, p)
	c := config(io.Discard)
	c.Test.SamplesPerIteration = script.NewWatch([]*metric.Metric{c.Registry.Builtin().Checks}, []string{"steady"})
	vm, err := p.New(t.Context(), c, metric.NewAggregator(c.Registry, nil, 1).Shard(0), 1)
	require.NoError(t, err)
	defer vm.Close()
	for range 4 {
		vm.Iterate(t.Context(), b.task, script.Iteration{})
	}
	assert.Equal(t, int64(3), c.Test.SamplesPerIteration.Most(c.Registry.Builtin().Checks, "steady"))
	assert.Zero(t, c.Test.SamplesPerIteration.Most(c.Registry.Builtin().HTTPReqs, "steady"))
	assert.Zero(t, c.Test.SamplesPerIteration.Most(c.Registry.Builtin().Checks, "other"))
}

// However the end of a sleep and the interruption race, a sleep that was cut
// short is not the end of an iteration.
func TestSleepThatWasCutShort(t *testing.T) {
	t.Parallel()
	p, err := files(t, map[string]string{"main.js": "import { sleep } from 'k6'; export default function () { sleep(60) }"})
	require.NoError(t, err)
	b := newBench(t, p)
	for range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Microsecond)
		require.True(t, b.vm.Iterate(ctx, b.task, script.Iteration{}).Interrupted())
		cancel()
	}
	assert.Zero(t, b.sum("iterations"))
}

// cutOff is a context that is over before it tells anybody.
type cutOff struct {
	context.Context
	over atomic.Bool
}

func (c *cutOff) Err() error {
	if c.over.Load() {
		return context.Canceled
	}
	return c.Context.Err()
}

// A script may go on for a moment after its iteration was cut off, with the
// answer of a request that was cut off too. What it says then of the target
// would be a lie.
func TestNothingIsCountedOfWhatFollowsAnInterruption(t *testing.T) {
	t.Parallel()
	ctx := &cutOff{Context: t.Context()}
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ctx.over.Store(true) }))
	defer srv.Close()
	p, err := files(t, map[string]string{"main.js": imports + `export default function () {
		check(1, {before: true}); http.get('` + srv.URL + `'); check(1, {after: false}); c.add(1) }`})
	require.NoError(t, err)
	b := newBench(t, p)
	require.True(t, b.vm.Iterate(ctx, b.task, script.Iteration{}).Interrupted())
	assert.Equal(t, []map[string]string{{"check": "before", "scenario": "steady", "testid": "t"}}, b.series("checks"))
	assert.Zero(t, b.sum("done"))
	assert.Zero(t, b.sum("http_reqs"))
}
