// Thresholds of metrics that nothing was added to.
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
new Counter('sold'); new Gauge('queue'); new Rate('lucky'); new Trend('price'); new Trend('wait', true);
export const options = { iterations: 1, thresholds: { [__ENV.METRIC]: [__ENV.RULE] } };
export default function () {}
export function handleSummary(data) {
  const m = data.metrics[__ENV.METRIC];
  return { stdout: `fact: ${m && [m.type, m.contains, ...Object.entries(m.values).sort(), JSON.stringify(m.thresholds)].join(' ')}\n` };
}
