// Whether an iteration starts in the very moment in which the time is up is
// left to chance in k6: its timer and its deadline fire together.
export const options = {
  scenarios: { a: { executor: 'constant-arrival-rate', rate: 10, duration: '2s', preAllocatedVUs: 25 } },
};
export default function () {}
