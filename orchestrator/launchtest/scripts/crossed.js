// Is ended by its threshold, long before its time.
import { sleep } from 'k6';
import { Rate } from 'k6/metrics';

const good = new Rate('good');

export const options = {
  scenarios: { steady: { executor: 'constant-vus', vus: 8, duration: '10m', gracefulStop: '0s' } },
  thresholds: { good: [{ threshold: 'rate>0.9', abortOnFail: true }] },
};

export default function () {
  good.add(false);
  sleep(0.1);
}
