// A test in parts: which users and iterations a part gets.
import exec from 'k6/execution';
const all = {
  each: { executor: 'per-vu-iterations', vus: 10, iterations: 1, exec: 'each' },
  shared: { executor: 'shared-iterations', vus: 6, iterations: 10, exec: 'shared' },
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
