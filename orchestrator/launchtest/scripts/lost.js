// Loses its threshold in the end.
import { Rate } from 'k6/metrics';

const good = new Rate('good');

export const options = {
  scenarios: { steady: { executor: 'per-vu-iterations', vus: 8, iterations: 1, maxDuration: '30s' } },
  thresholds: { good: ['rate>0.9'] },
};

export default function () {
  good.add(false);
}
