package script_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files writes the files to a folder and compiles main.js of them.
func files(t *testing.T, contents map[string]string) (*script.Program, error) {
	t.Helper()
	dir := t.TempDir()
	name := "main.js"
	for path, text := range contents {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644))
		if strings.HasPrefix(path, "main.") {
			name = path
		}
	}
	return script.Compile(script.Source{Path: filepath.Join(dir, name)})
}

// bench is a VM with all that it needs to run.
type bench struct {
	vm   *script.VM
	agg  *metric.Aggregator
	log  *bytes.Buffer
	test *script.Test
	task *script.Task
	stop func(string)
}

func config(log io.Writer) *script.Config {
	return &script.Config{
		Registry: metric.NewRegistry(), HTTP: httpx.NewTransport(httpx.Config{MaxBody: 16 << 20, UserAgent: "ua"}), Tags: metric.NewTags(map[string]string{"testid": "t"}),
		Env: map[string]string{"A": "env"}, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Test: &script.Test{}, Options: script.Options{MaxRedirects: 10, JSON: []byte(`{"vus":3}`)},
	}
}

func newBench(t *testing.T, p *script.Program) *bench {
	t.Helper()
	b := &bench{log: &bytes.Buffer{}}
	c := config(b.log)
	b.test = c.Test
	c.Test.InterruptAll = func(reason string) { b.stop(reason) }
	b.agg = metric.NewAggregator(c.Registry, nil, 1)
	vm, err := p.New(t.Context(), c, b.agg.Shard(0), 7)
	require.NoError(t, err)
	t.Cleanup(vm.Close)
	vm.Number(7, 70)
	b.vm = vm
	b.task = &script.Task{
		Scenario: "steady", Executor: "constant-vus", Exec: "default", Tags: c.Tags.With("scenario", "steady"),
		Env: map[string]string{"B": "scenario"}, Started: time.UnixMilli(1000), Progress: func() float64 { return 0.5 },
	}
	return b
}

// iterate does one iteration of a script that is one file.
func iterate(t *testing.T, source string) (*bench, script.Result) {
	t.Helper()
	p, err := files(t, map[string]string{"main.js": source})
	require.NoError(t, err)
	b := newBench(t, p)
	return b, b.vm.Iterate(t.Context(), b.task, script.Iteration{InInstance: 4, InTest: 40})
}

// ok runs a body of JavaScript in an iteration. Its last word must be pass().
func ok(t *testing.T, body string) *bench {
	t.Helper()
	b, r := iterate(t, imports+"export default function () { "+body+"\n c.add(1); }")
	require.NoError(t, r.Err)
	assert.Equal(t, 1.0, b.sum("done"), "the body came to its end")
	return b
}

const imports = `
import http from 'k6/http';
import { check, group, sleep, fail, randomSeed } from 'k6';
import { Counter, Rate, Trend, Gauge } from 'k6/metrics';
import encoding, { b64encode } from 'k6/encoding';
import exec from 'k6/execution';
const c = new Counter('done');
function same(a, b) { if (JSON.stringify(a) !== JSON.stringify(b)) throw new Error(JSON.stringify(a) + ' is not ' + JSON.stringify(b)); }
function throws(f, text) { try { f() } catch (e) { if (String(e).includes(text)) return; throw e } throw new Error('nothing thrown, want ' + text); }
`

func (b *bench) sum(name string) float64 {
	s, _ := b.agg.Snapshot().Merged(name)
	return s.Sum
}

// series returns the tags of a metric's series.
func (b *bench) series(name string) []map[string]string {
	var out []map[string]string
	for _, s := range b.agg.Snapshot().Series {
		if s.Metric.Name == name {
			out = append(out, s.Tags.Map())
		}
	}
	return out
}

func ExampleCompile() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "a.js")
	_ = os.WriteFile(path, []byte(`import x from 'k6/browser'; export default function () {}`), 0o600)
	_, err := script.Compile(script.Source{Path: path})
	fmt.Println(err)
	// Output: a.js:1:15: module "k6/browser" is not supported: this generator drives no browser; take the browser's part out of the script or run it with k6
}

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"syntax":             {map[string]string{"main.js": "\n  let = = 3;"}, "main.js:2:9: "},
		"syntax in a lib":    {map[string]string{"main.js": "import './lib/a.js'", "lib/a.js": "}{"}, "lib/a.js:1:1: "},
		"extension":          {map[string]string{"main.js": "import 'k6/x/sql'"}, `module "k6/x/sql" is not supported`},
		"grpc":               {map[string]string{"main.js": "import grpc from 'k6/net/grpc'; grpc.x()"}, `module "k6/net/grpc" is not supported`},
		"streams":            {map[string]string{"main.js": "import 'k6/experimental/streams'"}, `this generator has no streams`},
		"cloud":              {map[string]string{"main.js": "import 'k6/cloud'"}, `there is no cloud`},
		"graduated":          {map[string]string{"main.js": "import { crypto } from 'k6/experimental/webcrypto'"}, `remove the import`},
		"unheard of":         {map[string]string{"main.js": "import 'k6/nope'"}, `there are k6, k6/crypto, k6/data,`},
		"no such export":     {map[string]string{"main.js": "import {fetch} from 'k6/http'; fetch()"}, `No matching export in "k6:k6/http" for import "fetch"`},
		"remote, not safe":   {map[string]string{"main.js": "import 'http://jslib.k6.io/k6-utils/1.1.0/index.js'"}, "only taken over https"},
		"bare":               {map[string]string{"main.js": "import 'lodash'"}, `module "lodash" is unknown`},
		"missing":            {map[string]string{"main.js": "import './nope.js'"}, "nope.js does not exist"},
		"JSON":               {map[string]string{"main.js": "import './a.json'", "a.json": "{}"}, "a.json cannot be imported"},
		"required unknown":   {map[string]string{"main.js": "require('fs')"}, `module "fs" is unknown`},
		"type error in TS":   {map[string]string{"main.ts": "const a: = 3"}, "main.ts:1:10: "},
		"await at top level": {map[string]string{"main.js": "await 1"}, "Top-level await"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := files(t, tc.files)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestInitErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ source, want string }{
		"exception":        {"\nthrow new Error('at init')", "Error: at init\n\tat "},
		"position":         {"\n\nfunction f() { null.x }\nf()", "main.js:3:"},
		"missing file":     {"open('./nope.txt')", "open ./nope.txt: "},
		"no name":          {"open()", "needs the path"},
		"request":          {"import http from 'k6/http'; http.get('http://x/')", "init context"},
		"check":            {"import {check} from 'k6'; check(1, {})", "init context"},
		"bad metric":       {"import {Counter} from 'k6/metrics'; new Counter('a b')", `metric name "a b"`},
		"metric twice":     {"import {Counter,Rate} from 'k6/metrics'; new Counter('ab'); new Rate('ab')", "exists as a counter"},
		"no shared array":  {"import {SharedArray} from 'k6/data'; new SharedArray('x', () => 3)", "must return an array"},
		"shared without f": {"import {SharedArray} from 'k6/data'; new SharedArray('x')", "needs a name and a function"},
		"no scenario":      {"import exec from 'k6/execution'; exec.scenario.name", "only there in a scenario"},
		"recursion":        {"function f() { f() } f()", "Maximum call stack size exceeded"},
		"no statuses":      {"import http from 'k6/http'; http.expectedStatuses()", "at least one"},
		"odd status":       {"import http from 'k6/http'; http.expectedStatuses({a: 1})", "takes statuses"},
		"never settled":    {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := files(t, map[string]string{"main.js": tc.source + "\nexport default function () {}"})
			require.NoError(t, err)
			vm, err := p.New(t.Context(), config(io.Discard), nil, 1)
			if tc.want == "" {
				require.NoError(t, err)
				vm.Close()
				return
			}
			var thrown *script.Exception
			require.ErrorAs(t, err, &thrown)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestModulesAndFiles(t *testing.T) {
	t.Parallel()
	p, err := files(t, map[string]string{
		"main.ts":         `import { users } from './lib/users.js'; const old = require('./lib/old.js'); import type { X } from './none'; interface Y { a: number } export default function (): void { const y: Y = { a: users.length }; if (y.a !== 2 || old.twice(2) !== 4) throw new Error('no ' + y.a) }`,
		"lib/users.js":    `export const users = JSON.parse(open('./users.json')); if (open('data/x.txt') !== 'привет') throw new Error('x'); if (new Uint8Array(open('data/x.txt', 'b')).length !== 12) throw new Error('bytes');`,
		"lib/users.json":  `["a","b"]`,
		"data/x.txt":      "привет",
		"lib/old.js":      `exports.twice = (n) => 2 * n; const { check } = require('k6'); if (typeof check !== 'function') throw new Error('check')`,
		"lib/unused.json": "{}",
	})
	require.NoError(t, err)
	b := newBench(t, p)
	require.NoError(t, b.vm.Iterate(t.Context(), b.task, script.Iteration{}).Err)
	assert.Len(t, p.SHA256, 64)
}

func TestHashIsThatOfTheCode(t *testing.T) {
	t.Parallel()
	hash := func(lib string) string {
		p, err := files(t, map[string]string{"main.js": "import {a} from './a.js'; export default function () { a() }", "a.js": lib})
		require.NoError(t, err)
		return p.SHA256
	}
	assert.Equal(t, hash("export function a() { return 1 }"), hash("export function a() { return 1 }"), "the folder does not matter")
	assert.NotEqual(t, hash("export function a() { return 1 }"), hash("export function a() { return 2 }"))
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"modern":      "const o = {a: {b: null}}; same(o?.a?.b ?? 'x', 'x'); class P { #x = 3; get x() { return this.#x } static { P.y = 4 } } same([new P().x, P.y], [3, 4]); same([...new Set([1, 1])], [1]); same(2n ** 3n === 8n, true); let u; u ??= 5; same(u, 5); same([1,2,3].at(-1), 3); same(/(?<=a)b/.test('ab'), true)",
		"unicode":     "same('Қазақстан — қала'.length, 16); same('ё'.padStart(3, '-'), '--ё'); same(encodeURIComponent('поиск'), '%D0%BF%D0%BE%D0%B8%D1%81%D0%BA'); const имя = 'я'; same(`${имя}`, 'я')",
		"environment": "same([__ENV.A, __ENV.B, __ENV.NOPE], ['env', 'scenario', undefined]); __ENV.C = 'x'; same(__ENV.C, 'x'); same(Object.keys(__ENV), ['A', 'B', 'C']); same('A' in __ENV, true); delete __ENV.C; same(__ENV.C, undefined)",
		"numbers":     "same([__VU, __ITER], [7, 0])",
		"execution":   "same([exec.scenario.name, exec.scenario.executor, exec.scenario.startTime, exec.scenario.progress, exec.scenario.iterationInInstance, exec.scenario.iterationInTest], ['steady', 'constant-vus', 1000, 0.5, 4, 40]); same([exec.vu.idInInstance, exec.vu.idInTest, exec.vu.iterationInInstance, exec.vu.iterationInScenario], [7, 70, 0, 0]); same(exec.test.options.vus, 3); same(exec.instance.iterationsCompleted, 0); throws(() => { exec.vu.idInTest = 3 }, 'read-only'); same(Object.keys(exec), ['instance', 'scenario', 'test', 'vu'])",
		"encoding":    "same(encoding.b64encode('юзер:пароль'), '0Y7Qt9C10YA60L/QsNGA0L7Qu9GM'); same(b64encode('??>', 'rawurl'), 'Pz8-'); same(encoding.b64decode('0Y4=', 'std', 's'), 'ю'); same(new Uint8Array(encoding.b64decode('AQI=')).length, 2); same(b64encode(new Uint8Array([1, 2]).buffer), 'AQI='); same(b64encode('a', 'rot13'), 'YQ=='); throws(() => b64encode(5), 'want text'); throws(() => encoding.b64decode('%'), 'b64decode')",
		"no members":  "same(http.nope, undefined); throws(() => http.nope(), 'nope')",
		"init only":   "throws(() => open('x'), 'init context'); throws(() => new Counter('late'), 'init context')",
		"random":      "randomSeed(1); const a = Math.random(); randomSeed(1); same(Math.random(), a)",
		"console":     "console.log(); console.log('a', {b: [1]}, null, undefined, new Error('e')); console.warn(console.error('x'))",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok(t, body)
		})
	}
}

func TestConsoleIsLogged(t *testing.T) {
	t.Parallel()
	b := ok(t, "console.log('сообщение', {b: [1]}); console.error('bad')")
	assert.Contains(t, b.log.String(), `level=INFO msg="сообщение { b: [ 1 ] }" source=console`)
	assert.Contains(t, b.log.String(), "level=ERROR msg=bad")
}

func TestChecksAndGroups(t *testing.T) {
	t.Parallel()
	b := ok(t, `
		same(check(3, {'три': (v) => v === 3, 'truthy': 1}), true);
		same(check(3, {'три': (v) => v === 4}, {extra: 'tag'}), false);
		throws(() => check(3, {'broken': () => { throw new Error('inside') }, 'skipped': true}), 'inside');
		throws(() => check(3, {'later': async () => true}), 'async');
		throws(() => check(3), 'second argument');
		same(group('outer', () => group('inner', () => { check(1, {in: true}); return 5 })), 5);
		throws(() => group('a::b', () => {}), '::');
		throws(() => group('bad', () => { throw new Error('in group') }), 'in group');
		throws(() => group('no function'), 'function');
		throws(() => fail('enough'), 'enough');
	`)
	checks, _ := b.agg.Snapshot().Merged("checks")
	assert.Equal(t, uint64(3), checks.True)
	assert.Equal(t, uint64(2), checks.False())
	assert.Contains(t, b.series("checks"), map[string]string{"check": "in", "group": "::outer::inner", "scenario": "steady", "testid": "t"})
	assert.Contains(t, b.series("checks"), map[string]string{"check": "три", "extra": "tag", "scenario": "steady", "testid": "t"})
	assert.Len(t, b.series("group_duration"), 3)
}

func TestCustomMetrics(t *testing.T) {
	t.Parallel()
	b, r := iterate(t, `import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
		const c = new Counter('cc'), g = new Gauge('gg'), r = new Rate('rr'), t = new Trend('tt', true); new Counter('cc');
		export default function () {
			c.add(2); c.add('3'); c.add(4, {kind: 'x'}); g.add(7); g.add(5); r.add(true); r.add(0); r.add(1); t.add(100); t.add(300);
			if (c.add('x') || c.add(-1) || t.add() || c.add(null)) throw new Error('taken'); if (c.name !== 'cc') throw new Error(c.name) }`)
	require.NoError(t, r.Err)
	assert.Equal(t, 9.0, b.sum("cc"))
	gauge, _ := b.agg.Snapshot().Merged("gg")
	assert.Equal(t, 5.0, gauge.Last)
	rate, _ := b.agg.Snapshot().Merged("rr")
	assert.Equal(t, uint64(2), rate.True)
	trend, _ := b.agg.Snapshot().Merged("tt")
	assert.Equal(t, 200.0, trend.Value())
	assert.Contains(t, b.series("cc"), map[string]string{"kind": "x", "scenario": "steady", "testid": "t"})
	assert.Contains(t, b.log.String(), "takes numbers")
}

func TestSharedArray(t *testing.T) {
	t.Parallel()
	p, err := files(t, map[string]string{"main.js": imports + `
		import { SharedArray } from 'k6/data';
		let calls = 0;
		const users = new SharedArray('users', () => { calls++; return [{n: 'a', deep: {x: 1}}, {n: 'б'}, undefined] });
		export default function () {
			same(users.length, 3); same(users[1].n, 'б'); same(users[2], null); same(users[3], undefined);
			same(users.map((u) => u && u.n), ['a', 'б', null]); same([...users].length, 3); same(Array.isArray(users), true);
			throws(() => { 'use strict'; users[0] = 1 }, 'cannot be changed'); throws(() => { 'use strict'; users[0].deep.x = 2 }, 'read only');
			c.add(1 + calls * 10);
		}`})
	require.NoError(t, err)
	first, second := newBench(t, p), newBench(t, p)
	require.NoError(t, first.vm.Iterate(t.Context(), first.task, script.Iteration{}).Err)
	require.NoError(t, second.vm.Iterate(t.Context(), second.task, script.Iteration{}).Err)
	assert.Equal(t, 11.0, first.sum("done"))
	assert.Equal(t, 1.0, second.sum("done"), "the function ran once for both")
}

func TestOptions(t *testing.T) {
	t.Parallel()
	p, err := files(t, map[string]string{"main.js": "export const options = {vus: 2, thresholds: {checks: ['rate>0.5']}}; export default function () {}"})
	require.NoError(t, err)
	b := newBench(t, p)
	text, err := b.vm.OptionsJSON()
	require.NoError(t, err)
	assert.JSONEq(t, `{"vus":2,"thresholds":{"checks":["rate>0.5"]}}`, string(text))
	assert.True(t, b.vm.Has("default"))
	assert.False(t, b.vm.Has("options"))

	p, err = files(t, map[string]string{"main.js": "const o = {}; o.o = o; export const options = o"})
	require.NoError(t, err)
	_, err = newBench(t, p).vm.OptionsJSON()
	assert.ErrorContains(t, err, "circular")
}
