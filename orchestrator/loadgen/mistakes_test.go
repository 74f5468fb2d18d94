package loadgen_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Recursion without end is an exception wherever it happens; k6 dies of it, or
// spends the time of the whole test on it.
func TestDeepRecursion(t *testing.T) {
	t.Parallel()
	const script = `const deep = (where) => { console.log(where); if (where !== '%s') return; const f = () => f() + 1; return f() };
		if (__VU === 0) deep('init');
		export const options = { iterations: 2 };
		export function setup() { deep('setup') } export default function () { deep('iteration') } export function teardown() { deep('teardown') }
		export function handleSummary() { deep('summary'); return { stdout: 'own' } }`
	for where, want := range map[string]struct {
		code int
		says []string // on the console, in this order
	}{
		"init":      {107, []string{"init"}},
		"setup":     {107, []string{"init", "init", "setup", "init", "summary"}},
		"iteration": {0, []string{"init", "init", "setup", "iteration", "iteration", "init", "teardown", "init", "summary"}},
		"teardown":  {107, []string{"init", "init", "setup", "iteration", "iteration", "init", "teardown", "init", "summary"}},
		"summary":   {0, []string{"init", "init", "setup", "iteration", "iteration", "init", "teardown", "init", "summary"}},
	} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, fmt.Sprintf(script, where))
			assert.Equal(t, want.code, r.command(t.Context(), "run", "test.js", "-q"))
			assert.Equal(t, want.says, consoleLines(r.log.String()))
			assert.Contains(t, r.log.String(), "stack")
		})
	}
}

// What an iteration waits for may never come; gracefulStop ends it all the same.
func TestIterationsWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"loop":                     `for (;;);`,
		"loop that catches":        `for (;;) { try { for (;;); } catch (e) { console.log('caught') } finally { console.log('finally') } }`,
		"loop in a getter":         `({ get x() { for (;;); } }).x`,
		"loop in a sort":           `[3, 2, 1].sort(() => { for (;;); })`,
		"sleep":                    `sleep(1e6)`,
		"promise and a timer":      `setInterval(() => {}, 10); await new Promise(() => {})`,
		"timer that starts itself": `const again = () => setTimeout(again, 1); again()`,
		"promises without end":     `const again = () => Promise.resolve().then(again); again()`,
		"regular expression":       `while (!/^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaa!'));`,
		"check":                    `check(1, { endless: () => { for (;;); } })`,
		"group":                    `group('endless', () => { for (;;); })`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, `import { check, group, sleep } from 'k6';
				export const options = { scenarios: { s: { executor: 'constant-vus', vus: 2, duration: '200ms', gracefulStop: '100ms' } } };
				export default async function () { `+body+` }
				export function teardown() { console.log('torn down') }`)
			assert.Equal(t, 0, r.command(t.Context(), "run", "test.js", "-q", "--summary-export", "sum.json"))
			assert.Equal(t, []string{"torn down"}, consoleLines(r.log.String()), "no catch, no finally")
			assert.NotContains(t, r.file(t, "sum.json")["metrics"], "iterations", "interrupted ones do not count")
		})
	}
}

func TestUnknownOptionsWarn(t *testing.T) {
	t.Parallel()
	r := newRun(t, `export const options = { iterations: 1, nonsense: { deep: [1] }, "<b>": 1, vus: null }; export default function () {}`)
	assert.Equal(t, 0, r.command(t.Context(), "run", "test.js", "-q"))
	for _, key := range []string{"nonsense", "<b>"} {
		assert.Contains(t, r.log.String(), key)
	}
	assert.Contains(t, r.log.String(), "is not known and has no effect")
}
