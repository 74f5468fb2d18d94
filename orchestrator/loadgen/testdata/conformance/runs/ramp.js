// A ramp of users up, level and down, in real time: 0 to 8 in 2 s, 1 s long 8,
// down to 2 in 1 s: 8 + 8 + 5 = 21 s of work, so 42 iterations of 500 ms and some
// that end later.
import { sleep } from 'k6';
import exec from 'k6/execution';
import { Gauge } from 'k6/metrics';
const users = new Gauge('users');
export const options = {
  scenarios: {
    ramp: {
      executor: 'ramping-vus', startVUs: 0, gracefulRampDown: '1s', gracefulStop: '1s',
      stages: [{ duration: '2s', target: 8 }, { duration: '1s', target: 8 }, { duration: '1s', target: 2 }],
    },
  },
};
export default function () {
  if (__ITER === 0) console.log(`user ${exec.vu.idInTest}`);
  users.add(exec.instance.vusActive);
  sleep(0.5);
}
export function handleSummary(data) {
  const u = data.metrics.users.values;
  return { stdout: `fact: ${u.min} to ${u.max} users, ${data.metrics.vus_max.values.max} made\n` };
}
