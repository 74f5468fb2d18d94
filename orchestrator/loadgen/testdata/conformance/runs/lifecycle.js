// What still runs after each kind of mistake, and how the run ends.
import exec from 'k6/execution';
import { fail, sleep } from 'k6';
import { Counter } from 'k6/metrics';
const told = new Counter('told');
export const options = {
  scenarios: { s: { executor: 'shared-iterations', iterations: 2, maxDuration: '5s', gracefulStop: '0s' } },
  setupTimeout: '300ms', teardownTimeout: '300ms', thresholds: __ENV.CROSSED ? { told: ['count<1'] } : {},
};
function mishap(where) {
  console.log(where);
  if (__ENV.WHERE !== where) return;
  const kinds = {
    error: () => { throw new Error(where); }, text: () => { throw 'only text'; }, nothing: () => { throw undefined; },
    reference: () => nowhere.to.be.found, fail: () => fail(where), abort: () => exec.test.abort(where), failed: () => exec.test.fail(where),
    hang: () => sleep(5), rejected: () => Promise.reject(new Error(where)),
  };
  return kinds[__ENV.KIND]();
}
if (__VU === 0 || __ENV.WHERE === 'init') mishap('init');
export function setup() { return mishap('setup'); }
export default function () { told.add(1); return mishap('iteration'); }
export function teardown() { return mishap('teardown'); }
export function handleSummary(data) {
  const bad = mishap('summary');
  return bad || { stdout: `fact: summary of ${Object.keys(data.metrics).filter((m) => m.startsWith('told') || m === 'iterations').sort()}\n` };
}
