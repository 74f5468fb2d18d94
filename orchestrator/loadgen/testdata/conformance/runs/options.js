// exec.test.options: what was said, and what came of it.
import exec from 'k6/execution';
import { sleep } from 'k6';
new (require('k6/metrics').Trend)('price');
export const options = JSON.parse(__ENV.OPTIONS || '{}');
function sorted(v) {
  if (v === null || typeof v !== 'object') return JSON.stringify(v);
  if (Array.isArray(v)) return `[${v.map(sorted).join(', ')}]`;
  return `{${Object.keys(v).sort().map((k) => `${k}: ${sorted(v[k])}`).join(', ')}}`;
}
export default function () {
  sleep(0.1);
  if (exec.scenario.iterationInTest > 0 || exec.scenario.name > 'default') return;
  for (const [k, v] of Object.entries(exec.test.options).sort()) {
    if (k !== 'scenarios') console.log(`${k} ${sorted(v)}`);
  }
  // Defaults of scenarios are null in k6; what was said is there in any case.
  for (const [k, v] of Object.entries(exec.test.options.scenarios).sort()) {
    const said = (JSON.parse(__ENV.OPTIONS || '{}').scenarios || {})[k] || {};
    console.log(`scenario ${k}: ${Object.keys(v).sort()}; ${Object.keys(said).sort().map((m) => `${m} ${sorted(v[m])}`)}`);
  }
  let refused = '';
  try { exec.test.options.vus = 7; } catch (e) { refused = e.constructor.name; }
  console.log(`set ${refused} ${exec.test.options.vus}`);
}
