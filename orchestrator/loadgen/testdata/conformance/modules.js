import exec, { scenario, vu, test, instance } from 'k6/execution';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
import { SharedArray } from 'k6/data';
import { check, group, sleep, fail, randomSeed } from 'k6';
import { setTimeout as later, clearTimeout as forget, setInterval as every, clearInterval as stop } from 'k6/timers';
import { say } from './say.mjs';

const old = require('./module.cjs');
const counter = new Counter('a_counter'), trend = new Trend('a_trend', true);
const shared = new SharedArray('list', () => [{ a: 1 }, { a: 2 }]);
const text = open('./data.csv');
const binary = open('data.csv', 'b');
if (__VU === 1) {
  say('init vu', () => __VU);
  say('init iter', () => typeof __ITER);
  say('init check', () => check(1, {}));
  say('init sleep', () => sleep(0));
  say('init scenario', () => exec.scenario.name);
  say('init vu number', () => exec.vu.idInTest);
  say('init add', () => counter.add(1));
  say('open missing', () => open('./nope'));
  say('open a folder', () => open('.'));
  say('bad metric name', () => new Counter('a b'));
  say('same metric again', () => { new Counter('a_counter'); return 1; });
  say('other kind', () => { new Rate('a_counter'); return 1; });
  say('new gauge', () => { new Gauge('gg'); return 1; });
}

export const options = { scenarios: { walk: { executor: 'shared-iterations', vus: 1, iterations: 1, env: { MINE: 'yes' }, tags: { a: 'b' } } } };

export default async function () {
  say('globals', () => ['fetch', 'URL', 'URLSearchParams', 'atob', 'btoa', 'structuredClone', 'queueMicrotask', 'process', 'Buffer', 'performance', 'Intl', 'WeakRef', 'AbortController', 'Blob', 'ReadableStream', 'TextEncoder', 'TextDecoder', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'crypto', 'console', 'global', 'globalThis', 'window', 'self', 'open', '__VU', '__ITER', '__ENV'].filter((n) => { try { return eval('typeof ' + n) !== 'undefined'; } catch (e) { return false; } }));
  say('numbers', () => [__VU, __ITER, __ENV.MINE]);
  say('common js', () => [old.twice(2), old.name]);
  say('files', () => [text.length, binary.byteLength]);
  say('late open', () => open('./data.csv'));
  say('late metric', () => new Counter('late'));
  say('late shared', () => new SharedArray('late', () => []));
  say('shared', () => [shared.length, shared[1].a, shared[5], Array.isArray(shared), shared.map((x) => x.a), shared instanceof Array]);
  say('shared set', () => { shared[0] = 1; return 1; });
  say('shared element', () => { shared[0].a = 5; return shared[0].a; });
  say('shared for', () => { const out = []; for (const x of shared) out.push(x.a); return out; });
  say('add', () => [counter.add(1), counter.add('x'), counter.add(null), trend.add(), counter.add(1, { a: 'b' }), counter.add(true), counter.add({})]);
  say('metric', () => counter.name);
  say('checks', () => [check(1, { a: (v) => v === 1, b: 1, c: 'x' }), check(1, { d: false }), check(1, { e: null }), check(null, {})]);
  say('check throws', () => check(1, { f: () => { throw new Error('x'); } }));
  say('check async', () => check(1, { g: async () => true }));
  say('check nothing', () => check(1));
  say('check name', () => check(1, { 'a::b': true }));
  say('groups', () => [group('g', () => group('h', () => 3)), group('empty', () => {})]);
  say('group async', () => group('g', async () => 3));
  say('group no function', () => group('g'));
  say('group name', () => group('a::b', () => 1));
  say('fail', () => fail('why'));
  say('fail nothing', () => fail());
  say('seed', () => { randomSeed(5); const a = Math.random(); randomSeed(5); return a === Math.random(); });
  say('scenario', () => [scenario.name, scenario.executor, scenario.startTime > 1e12, scenario.progress >= 0, scenario.iterationInInstance, scenario.iterationInTest]);
  say('vu', () => [vu.idInInstance, vu.idInTest, vu.iterationInInstance, vu.iterationInScenario]);
  say('instance', () => [instance.vusActive, instance.vusInitialized, instance.iterationsCompleted, instance.iterationsInterrupted, instance.currentTestRunDuration >= 0]);
  say('exec', () => Object.keys(exec).sort());
  say('exec keys', () => [Object.keys(exec.vu).sort(), Object.keys(exec.scenario).sort(), Object.keys(exec.instance).sort(), Object.keys(exec.test).sort()]);
  say('tags', () => { vu.tags.mine = 'x'; vu.tags.n = 3; vu.tags.b = true; return [vu.tags.mine, vu.tags.n, vu.tags.b, vu.tags.scenario, vu.tags.a, vu.tags.nope]; });
  say('metric tags', () => { vu.metrics.tags.two = 'y'; return [vu.metrics.tags.two, vu.tags.two]; });
  say('metadata', () => { vu.metrics.metadata.trace = 'z'; const x = vu.metrics.metadata.trace; delete vu.metrics.metadata.trace; return [x, vu.metrics.metadata.trace]; });
  say('delete tag', () => { delete vu.tags.mine; return vu.tags.mine; });
  say('bad tag', () => { vu.tags.o = {}; return 1; });
  say('set member', () => { vu.idInTest = 3; return vu.idInTest; });
  say('options', () => [test.options.scenarios.walk.executor, test.options.scenarios.walk.iterations, test.options.scenarios.walk.vus]);
  const order = [];
  await new Promise((done) => {
    later(() => order.push('b'), 300);
    setTimeout((x) => { order.push(x); done(); }, 400, 'c');
    Promise.resolve().then(() => order.push('a'));
    forget(later(() => order.push('no'), 1));
    let n = 0;
    const id = every(() => { order.push(n); if (++n === 2) stop(id); }, 1);
  });
  say('timers', () => order);
  class P { constructor() { this.x = 1; } }
  const loop = { a: 1 };
  loop.self = loop;
  console.log('a', 1, null, undefined, { b: [1] }, [1, 'x'], new Error('e'), true, -0, NaN, 1.5, 5n);
  console.error('e'); console.debug('hidden'); console.info('%s and %d', 'a', 3);
  console.log({ s: 'str', n: null, u: undefined, f() {}, d: new Date(0), r: /x/, e: new TypeError('boo'), b: 5n, i: Infinity, 'odd key': 1 });
  console.log([], {}, [undefined, null], new P(), new Uint8Array([1, 2]), new Uint8Array([1, 2]).buffer, loop, new Date(0));
  console.log(new Map([[1, 2]]), new Set([1]), () => 1, Object.create(null), [['deep', [{ a: [] }]]]);
  say('meta', () => typeof import.meta.resolve('./say.mjs'));
}
