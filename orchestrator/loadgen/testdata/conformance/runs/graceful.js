// What becomes of an iteration under way when its scenario's time is up, for
// each executor, and of a user that a ramp takes away.
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
const begun = new Counter('begun');
const ended = new Counter('ended');
const stop = { gracefulStop: __ENV.STOP };
const users = { preAllocatedVUs: 4, startTime: '0s' };
const away = [{ duration: '500ms', target: 2 }, { duration: '0s', target: 0 }, { duration: '3s', target: 0 }];
export const options = {
  scenarios: __ENV.DOWN ? {
    down: { executor: 'ramping-vus', startVUs: 2, stages: away, gracefulRampDown: __ENV.DOWN, gracefulStop: '0s' },
  } : {
    constant: { executor: 'constant-vus', vus: 2, duration: '1s', ...stop },
    ramping: { executor: 'ramping-vus', startVUs: 2, stages: [{ duration: '1s', target: 2 }], gracefulRampDown: '0s', ...stop },
    shared: { executor: 'shared-iterations', vus: 2, iterations: 6, maxDuration: '1s', ...stop },
    each: { executor: 'per-vu-iterations', vus: 2, iterations: 3, maxDuration: '1s', ...stop },
    arrivals: { executor: 'constant-arrival-rate', rate: 2, duration: '1100ms', ...users, ...stop },
    rising: { executor: 'ramping-arrival-rate', startRate: 2, stages: [{ duration: '1200ms', target: 2 }], ...users, ...stop },
  },
};
export default function () {
  begun.add(1);
  sleep(1.7);
  ended.add(1);
}
