// Ends by itself, soon, with nothing to complain of.
import { sleep } from 'k6';

export const options = {
  scenarios: { steady: { executor: 'per-vu-iterations', vus: 8, iterations: 2, maxDuration: '30s' } },
};

export default function () {
  sleep(0.1);
}
