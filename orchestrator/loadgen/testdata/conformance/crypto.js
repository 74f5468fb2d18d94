import crypto, { sha256, createHMAC } from 'k6/crypto';
import encoding from 'k6/encoding';
import { say } from './say.mjs';

const algorithms = ['md4', 'md5', 'sha1', 'sha256', 'sha384', 'sha512', 'sha512_224', 'sha512_256', 'ripemd160'];
const bytes = new Uint8Array([0, 255, 127]).buffer;

export default async function () {
  for (const a of algorithms) {
    say(a, () => crypto[a]('поиск', 'hex'));
    say('hmac ' + a, () => crypto.hmac(a, 'key', 'data', 'hex'));
    say('hash ' + a, () => { const h = crypto.createHash(a); h.update('a'); h.update(bytes); return [h.digest('hex'), h.digest('base64')]; });
  }
  for (const e of ['hex', 'base64', 'base64url', 'base64rawurl', 'binary', 'rot13', undefined, ''])
    say('in ' + e, () => sha256('x', e));
  say('bytes', () => sha256(bytes, 'hex'));
  say('typed', () => sha256(new Uint8Array([0, 255, 127]), 'hex'));
  say('number', () => sha256(1, 'hex'));
  say('nothing', () => sha256());
  say('object', () => sha256({}, 'hex'));
  say('hmac object', () => { const h = createHMAC('sha256', 'k'); h.update('a'); return h.digest('base64rawurl'); });
  say('hmac bytes', () => crypto.hmac('sha1', bytes, bytes, 'hex'));
  say('update returns', () => crypto.createHash('md5').update('x'));
  say('random', () => { const b = crypto.randomBytes(8); return [b instanceof ArrayBuffer, b.byteLength]; });
  say('random none', () => crypto.randomBytes(0).byteLength);
  say('random below', () => crypto.randomBytes(-1));
  say('hexEncode', () => crypto.hexEncode('aя'));
  say('module', () => Object.keys(crypto).sort());

  for (const alphabet of ['std', 'rawstd', 'url', 'rawurl', 'nope', undefined])
    say('b64 ' + alphabet, () => [encoding.b64encode('??>я', alphabet), encoding.b64encode(bytes, alphabet), encoding.b64decode(encoding.b64encode('??>', alphabet), alphabet, 's')]);
  say('decoded', () => encoding.b64decode('AP9/'));
  say('decoded badly', () => encoding.b64decode('%%'));
  say('encode number', () => encoding.b64encode(5));
  say('encode nothing', () => encoding.b64encode());

  say('web', () => [typeof crypto, typeof globalThis.crypto, typeof globalThis.crypto.subtle, typeof globalThis.crypto.getRandomValues, typeof globalThis.crypto.randomUUID]);
  say('uuid', () => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(globalThis.crypto.randomUUID()));
  say('values', () => { const a = new Uint8Array(4), b = globalThis.crypto.getRandomValues(a); return [a === b, a.length]; });
  say('values of floats', () => globalThis.crypto.getRandomValues(new Float64Array(2)));
  say('values too many', () => globalThis.crypto.getRandomValues(new Uint8Array(70000)));
  const s = globalThis.crypto.subtle;
  for (const a of ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512', 'sha-256', { name: 'SHA-256' }]) {
    const d = await s.digest(a, new TextEncoder().encode('x'));
    say('digest ' + JSON.stringify(a), () => encoding.b64encode(d));
  }
  try { await s.digest('MD5', bytes); console.log('no'); } catch (e) { console.log('digest MD5 throws ' + e.name); }
  say('text', () => [Array.from(new TextEncoder().encode('aя')), new TextDecoder().decode(new Uint8Array([97, 209, 143]))]);

  const key = await s.generateKey({ name: 'HMAC', hash: { name: 'SHA-256' } }, true, ['sign', 'verify']);
  say('key', () => [key.type, key.extractable, key.algorithm.name, key.usages]);
  const imported = await s.importKey('raw', new Uint8Array([1, 2, 3]), { name: 'HMAC', hash: 'SHA-256' }, true, ['sign', 'verify']);
  const signature = await s.sign('HMAC', imported, new TextEncoder().encode('data'));
  say('signature', () => encoding.b64encode(signature));
  const good = await s.verify('HMAC', imported, signature, new TextEncoder().encode('data'));
  const wrong = await s.verify('HMAC', imported, signature, new TextEncoder().encode('date'));
  say('verified', () => [good, wrong]);
  const raw = await s.exportKey('raw', imported);
  say('exported', () => raw);
  for (const mode of ['AES-CBC', 'AES-GCM', 'AES-CTR']) {
    const k = await s.importKey('raw', new Uint8Array(16).fill(7), mode, true, ['encrypt', 'decrypt']);
    const p = { name: mode };
    if (mode === 'AES-CTR') { p.counter = new Uint8Array(16).fill(1); p.length = 64; } else p.iv = new Uint8Array(mode === 'AES-GCM' ? 12 : 16).fill(2);
    const c = await s.encrypt(p, k, new TextEncoder().encode('secret text'));
    const d = await s.decrypt(p, k, c);
    say(mode, () => [encoding.b64encode(c), new TextDecoder().decode(new Uint8Array(d)), k.algorithm.name]);
  }
}
