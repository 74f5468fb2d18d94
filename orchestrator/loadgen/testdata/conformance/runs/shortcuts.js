// No scenario: what --vus, --duration, --iterations and --stage make of it.
import exec from 'k6/execution';
import { sleep } from 'k6';
export const options = JSON.parse(__ENV.OPTIONS || '{}');
export default function () {
  sleep(0.35);
}
export function handleSummary(data) {
  return { stdout: `fact: ${Object.keys(data.metrics).filter((m) => m.startsWith('iter') || m.startsWith('dropped')).sort()}\n` };
}
export function teardown() {
  console.log(JSON.stringify(Object.values(exec.test.options.scenarios || {}).map((s) => [s.executor, s.duration, s.stages])));
}
