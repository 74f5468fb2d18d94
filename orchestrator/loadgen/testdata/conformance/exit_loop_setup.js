export const options = { setupTimeout: '200ms' };
export function setup() { console.log('setup'); for (;;); }
export default function () { console.log('never'); }
export function teardown() { console.log('teardown'); }
