// say tells what f returns, as JSON with sorted keys, or that it throws.
export function say(name, f) {
  let text;
  try {
    text = write(f());
  } catch (e) {
    text = 'throws';
    if (__ENV.WHY) text += ' ' + e;
  }
  console.log(name + ': ' + text);
}

export function write(v) {
  if (v === undefined) return 'undefined';
  if (typeof v === 'function') return 'function';
  if (v instanceof ArrayBuffer) return 'bytes ' + Array.from(new Uint8Array(v)).join(' ');
  return JSON.stringify(v, (k, x) => {
    if (x instanceof ArrayBuffer) return 'bytes ' + Array.from(new Uint8Array(x)).join(' ');
    if (x && typeof x === 'object' && !Array.isArray(x)) {
      const sorted = {};
      for (const key of Object.keys(x).sort()) sorted[key] = x[key];
      return sorted;
    }
    return x;
  });
}
