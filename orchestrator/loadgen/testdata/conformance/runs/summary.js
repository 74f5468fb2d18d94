// What handleSummary is given, and what --summary-export writes.
import http from 'k6/http';
import { check, group, sleep } from 'k6';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
const sold = new Counter('sold'), queue = new Gauge('queue'), lucky = new Rate('lucky'), price = new Trend('price'), wait = new Trend('wait', true), bytes = new Counter('paid');
new Trend('unused');
export const options = {
  iterations: 3, summaryTimeUnit: __ENV.UNIT, setupTimeout: '10s',
  summaryTrendStats: __ENV.STATS ? __ENV.STATS.split(';') : undefined,
  thresholds: {
    price: ['p(90)<38', 'avg < 40'], 'sold{hall:big}': ['count>=0'], 'price{ hall : big , row : 1 }': ['max<1'], unused: ['avg<1'],
    'http_req_duration{status:200,method:GET}': [{ threshold: 'p(95)<5000', abortOnFail: true, delayAbortEval: '1m' }],
  },
};
export function setup() {
  http.get(`${__ENV.URL}/json`);
  check(1, { 'in setup': true });
  return { of: ['setup'] };
}
export default function () {
  const n = __ITER;
  sold.add(n + 0.5, { hall: n === 1 ? 'big' : 'small' });
  queue.add(3 - n);
  lucky.add(n === 1);
  for (const v of [[10, 20], [35, 1e6], [0.25]][n]) price.add(v, { hall: 'big', row: n });
  wait.add(n * 1000);
  check(n, { outer: (x) => x < 2 });
  group('first', () => {
    check(n, { inner: true, other: (x) => x === 0 });
    group('second', () => check(n, { deep: true }));
  });
  group('empty', () => {});
  group('first', () => check(n, { again: true }));
}
export function teardown() {
  check(1, { 'in teardown': false });
}

// sorted writes a value with the members of objects in order of name.
function sorted(v) {
  if (v instanceof ArrayBuffer || v === undefined || typeof v === 'function') return String(v);
  if (v === null || typeof v !== 'object') return JSON.stringify(v);
  if (Array.isArray(v)) return `[${v.map(sorted).join(', ')}]`;
  return `{${Object.keys(v).sort().map((k) => `${k}: ${sorted(v[k])}`).join(', ')}}`;
}
export function handleSummary(data) {
  const facts = [`arguments ${arguments.length}`, `members ${Object.keys(data).sort()}`, `options ${sorted(data.options)}`, `setup ${sorted(data.setup_data)}`];
  facts.push(`state ${Object.entries(data.state).map(([k, v]) => `${k} ${typeof v}`).sort()}`);
  const tree = (g, depth) => {
    facts.push(`${depth}group ${sorted({ ...g, groups: g.groups.length, checks: g.checks.length })}`);
    for (const c of g.checks) facts.push(`${depth}check ${sorted(c)}`);
    for (const sub of g.groups) tree(sub, `${depth}-`);
  };
  tree(data.root_group, '');
  for (const [name, m] of Object.entries(data.metrics)) {
    if (name.startsWith('vus')) continue; // it is sampled once a second, so perhaps never
    const measured = (m.contains === 'time' && name !== 'wait') || name.startsWith('data_');
    const values = Object.entries(m.values).map(([stat, v]) => [stat, measured || (m.type === 'counter' && stat === 'rate') ? typeof v : v]);
    facts.push(`metric ${name} ${sorted({ ...m, values: Object.fromEntries(values) })}`);
  }
  return { stdout: facts.map((f) => `fact: ${f}\n`).join('') };
}
