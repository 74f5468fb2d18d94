// What becomes of what handleSummary returns.
export const options = { iterations: 1 };
export default function () {}
export function handleSummary() {
  const at = (name) => `${__ENV.DIR}/${name}`;
  return {
    texts: { stdout: 'fact: returned\n', stderr: 'to stderr\n', [at('told.txt')]: 'жазба', [at('empty.txt')]: '' },
    folder: { [at('none/told.txt')]: 'no such folder', [at('good.txt')]: 'good' },
    bytes: { [at('bytes.bin')]: new Uint8Array([1, 2, 255]).buffer, [at('view.bin')]: new Uint8Array([3]), stdout: new Uint8Array([102, 97, 99, 116, 58, 32, 98, 10]).buffer },
    number: { [at('number.txt')]: 1, stdout: 'fact: beside\n' }, null: { [at('null.txt')]: null, stdout: 'fact: beside\n' },
    object: { [at('object.txt')]: { a: 1 }, stdout: 'fact: beside\n' }, undef: { [at('undef.txt')]: undefined, stdout: 'fact: beside\n' },
    nothing: undefined, nil: null, empty: {}, text: 'only text', zero: 0, list: ['a'], fn: () => 1,
    promise: Promise.resolve({ [at('later.txt')]: 'later', stdout: 'fact: later\n' }),
    pending: new Promise(() => {}),
  }[__ENV.RETURN];
}
