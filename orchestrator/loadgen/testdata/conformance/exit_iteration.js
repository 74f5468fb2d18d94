export const options = { iterations: 3 };
export default function () {
  console.log('iteration ' + __ITER);
  if (__ITER === 0) throw new TypeError('in an iteration');
  if (__ITER === 1) null.x;
}
