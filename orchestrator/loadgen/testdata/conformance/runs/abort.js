// A threshold that ends the test, and teardown after it.
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
const sold = new Counter('sold');
export const options = {
  scenarios: { long: { executor: 'constant-vus', vus: 1, duration: '20s', gracefulStop: '0s' } },
  thresholds: { sold: [{ threshold: 'count<1', abortOnFail: true, delayAbortEval: __ENV.DELAY || '0s' }] },
};
export default function () {
  sold.add(1);
  sleep(30);
}
export function teardown() {
  console.log('teardown');
}
export function handleSummary(data) {
  const took = data.state.testRunDurationMs;
  return { stdout: `fact: ${took > 1500 && took < 9000 ? 'ended early' : 'took ' + took}, ${data.metrics.sold.thresholds['count<1'].ok}\n` };
}
