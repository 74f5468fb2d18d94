// What setup returns, as users and teardown see it.
import exec from 'k6/execution';
const values = {
  object: () => ({ n: 1, list: [1, , null], deep: { a: { b: 'Қ' } }, undef: undefined }), date: () => new Date(0), method: () => ({ fn: () => 1 }),
  nothing: () => undefined, null: () => null, zero: () => 0, text: () => 'text', empty: () => '', no: () => false,
  list: () => [1, [2], { a: 3 }], numbers: () => [1e21, -0, 0.1, NaN, Infinity], map: () => new Map([[1, 2]]),
  bytes: () => new Uint8Array([1, 2]).buffer, view: () => new Uint8Array([1, 2]), fn: () => () => 1,
  big: () => 10n, cycle: () => { const a = {}; a.a = a; return a; },
  promise: () => Promise.resolve({ later: true }), rejected: () => Promise.reject(new Error('no')), pending: () => new Promise(() => {}),
};
// sorted writes a value with the members of objects in order of name.
function sorted(v) {
  if (v === null || typeof v !== 'object') return JSON.stringify(v);
  if (Array.isArray(v)) return `[${v.map(sorted)}]`;
  return `{${Object.keys(v).sort().map((k) => `${k}:${sorted(v[k])}`)}}`;
}
export const options = { scenarios: { s: { executor: 'per-vu-iterations', vus: 2, iterations: 2 } }, setupTimeout: '2s' };
export function setup() {
  console.log(`setup __VU=${__VU} __ITER=${typeof __ITER} id=${exec.vu.idInTest} args=${arguments.length}`);
  return values[__ENV.VALUE]();
}
export default function (data) {
  console.log(`iteration ${__ITER}: ${typeof data} ${sorted(data)}, ${arguments.length}`);
  if (data && typeof data === 'object' && !Array.isArray(data)) data.changed = (data.changed || 0) + 1;
}
export function teardown(data) {
  console.log(`teardown __VU=${__VU}: ${typeof data} ${sorted(data)}`);
}
export function handleSummary(data) {
  return { stdout: `fact: ${data.setup_data && JSON.stringify(Object.entries(data.setup_data).sort())} ${'setup_data' in data}\n` };
}
