import exec from 'k6/execution';
import { fail } from 'k6';
export const options = { iterations: 3 };
export default function () {
  console.log('iteration ' + __ITER);
  if (__ITER === 0) exec.test.fail('marked');
  if (__ITER === 1) fail('only this iteration');
}
