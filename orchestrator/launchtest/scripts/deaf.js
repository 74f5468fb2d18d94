// Has begun to end at the first signal, and does not come to its end.
import { sleep } from 'k6';

export const options = {
  teardownTimeout: '10m',
  scenarios: { steady: { executor: 'constant-vus', vus: 8, duration: '10m', gracefulStop: '0s' } },
};

export default function () {
  sleep(0.1);
}

export function teardown() {
  sleep(600);
}
