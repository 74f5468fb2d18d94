// All six executors, one after another by startTime, each with its own
// function, variables and tags.
import http from 'k6/http';
import exec from 'k6/execution';
import { check, sleep } from 'k6';

export const options = {
  scenarios: {
    shared: { executor: 'shared-iterations', vus: 3, iterations: 10, maxDuration: '5s', exec: 'shared', tags: { kind: 'closed' } },
    each: { executor: 'per-vu-iterations', vus: 3, iterations: 4, exec: 'each', env: { NAME: 'Айгерим' } },
    constant: { executor: 'constant-vus', vus: 2, duration: '1s', startTime: '200ms', exec: 'constant' },
    ramping: { executor: 'ramping-vus', startVUs: 1, stages: [{ duration: '1s', target: 1 }], exec: 'constant' },
    arrivals: { executor: 'constant-arrival-rate', rate: 10, duration: '1050ms', preAllocatedVUs: 12, maxVUs: 14, exec: 'arrivals' },
    rising: { executor: 'ramping-arrival-rate', startRate: 0, stages: [{ duration: '1s', target: 20 }], preAllocatedVUs: 12, exec: 'arrivals' },
  },
};

export function shared() {
  check(http.get(`${__ENV.URL}/json`), { ok: (r) => r.status === 200 });
  check(exec.scenario, { 'shared numbers': (s) => s.name === 'shared' && s.executor === 'shared-iterations' && s.iterationInTest < 10 });
}
export function each() {
  check(__ENV.NAME, { 'variable of the scenario': (n) => n === 'Айгерим' });
  check(exec.vu, { 'each numbers': (v) => v.iterationInScenario === __ITER && v.idInTest >= 1 });
}
export function constant() {
  check(__ENV.NAME, { 'no variable of another': (n) => n === undefined });
  sleep(0.35);
}
export function arrivals() {
  check(exec.vu.tags.scenario, { 'scenario tag': (s) => s === 'arrivals' || s === 'rising' });
}
