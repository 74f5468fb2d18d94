// A test in parts: which users and iterations a part gets.
import exec from 'k6/execution';
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
const begun = new Counter('begun');
const all = {
  each: { executor: 'per-vu-iterations', vus: 10, iterations: 1, exec: 'each' },
  shared: { executor: 'shared-iterations', vus: 6, iterations: 10, exec: 'shared' },
  constant: { executor: 'constant-vus', vus: 10, duration: '1s', exec: 'user' },
  ramping: { executor: 'ramping-vus', startVUs: 1, stages: [{ duration: '1s', target: 10 }, { duration: '300ms', target: 10 }], exec: 'user' },
  rising: { executor: 'ramping-arrival-rate', stages: [{ duration: '1050ms', target: 20 }], preAllocatedVUs: 18, exec: 'arrivals' },
  // Nobody is ever free again, so as many begin as there may be users at most.
  growing: { executor: 'constant-arrival-rate', rate: 60, duration: '2s', preAllocatedVUs: 3, maxVUs: 11, exec: 'busy', gracefulStop: '0s' },
  rampGrowing: { executor: 'ramping-arrival-rate', startRate: 60, stages: [{ duration: '2s', target: 60 }], preAllocatedVUs: 1, maxVUs: 7, exec: 'busy', gracefulStop: '0s' },
  arrivals: { executor: 'constant-arrival-rate', rate: 29, timeUnit: '2s', duration: '1s', preAllocatedVUs: 18, exec: 'arrivals' },
};
export const options = {
  executionSegmentSequence: __ENV.SEQUENCE || '0,1/3,2/3,1',
  scenarios: { [__ENV.ONLY]: all[__ENV.ONLY] },
};
export function each() {
  console.log(`user ${exec.vu.idInTest}`);
}
export function shared() {
  console.log(`iteration ${exec.scenario.iterationInTest}`);
}
export function arrivals() {
  console.log(`iteration ${exec.scenario.iterationInTest}`);
}
export function user() {
  if (__ITER === 0) console.log(`user ${exec.vu.idInTest}`);
  sleep(0.4);
}
export function busy() {
  begun.add(1);
  sleep(30);
}
