export function setup() { return { a: [1] }; }
export default function (data) { console.log(JSON.stringify(data)); }
export function teardown(data) { console.log('teardown ' + JSON.stringify(data)); throw new Error('in teardown'); }
