export const options = { iterations: 2 };
export default async function () {
  console.log('iteration ' + __ITER);
  await new Promise(() => {});
  console.log('never');
}
