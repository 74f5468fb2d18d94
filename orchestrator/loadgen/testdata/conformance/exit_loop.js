export const options = { scenarios: { s: { executor: 'constant-vus', vus: 1, duration: '1s', gracefulStop: '100ms' } } };
export default function () {
  console.log('in');
  try { for (;;); } catch (e) { console.log('caught'); } finally { console.log('finally'); }
}
export function teardown() { console.log('teardown'); }
