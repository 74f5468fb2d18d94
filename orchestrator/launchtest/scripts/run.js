// Goes on for much longer than anybody waits, and heeds the first signal.
import { sleep } from 'k6';

export const options = {
  scenarios: { steady: { executor: 'constant-vus', vus: 8, duration: '10m', gracefulStop: '0s' } },
};

export default function () {
  sleep(0.1);
}
