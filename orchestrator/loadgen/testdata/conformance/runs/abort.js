// A threshold that ends the test, when it is looked at for the first time (after
// 2 s) or later, and teardown after it.
import { sleep } from 'k6';
import { Counter, Rate } from 'k6/metrics';
const sold = new Counter('sold');
const ended = new Counter('ended');
const never = new Rate('never');
const thresholds = {
  sold: [{ threshold: 'count<1', abortOnFail: true, delayAbortEval: __ENV.DELAY || '0s' }],
  never: [{ threshold: 'rate>0.5', abortOnFail: true }],
  ended: [{ threshold: 'count>0', abortOnFail: true }],
};
export const options = {
  scenarios: { long: { executor: 'constant-vus', vus: 1, duration: __ENV.DURATION || '20s', gracefulStop: '0s' } },
  thresholds: Object.fromEntries((__ENV.ON || 'sold').split(',').map((name) => [name, thresholds[name]])),
};
export default function () {
  sold.add(1);
  sleep(30);
  ended.add(1);
  never.add(1);
}
export function teardown() {
  console.log('teardown');
}
export function handleSummary(data) {
  const looks = Math.round(data.state.testRunDurationMs / 2000);
  return { stdout: `fact: ended with look ${looks}, ${JSON.stringify((data.metrics.sold || {}).thresholds)}\n` };
}
