export const options = { iterations: 3 };
export default async function () {
  console.log('iteration ' + __ITER);
  await null;
  if (__ITER === 0) throw new Error('rejected');
  if (__ITER === 1) Promise.reject(new Error('nobody looks'));
  setTimeout(() => console.log('timer ' + __ITER), 1);
}
