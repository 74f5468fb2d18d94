import exec from 'k6/execution';
export const options = { iterations: 5 };
export default function () {
  console.log('iteration ' + __ITER);
  if (__ITER === 1) { try { exec.test.abort('enough'); } catch (e) { console.log('caught'); } console.log('never'); }
}
export function teardown() { console.log('teardown'); }
