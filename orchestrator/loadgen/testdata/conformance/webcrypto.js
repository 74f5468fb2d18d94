import encoding from 'k6/encoding';

const s = crypto.subtle, text = new TextEncoder();
const data = text.encode('data'), other = text.encode('other'), exponent = new Uint8Array([1, 0, 1]);
const b64 = (x) => encoding.b64encode(x);

// tell prints what a promise gives, or by which name of an error it fails.
async function tell(name, f) {
  let out;
  try {
    out = JSON.stringify(await f());
  } catch (e) {
    out = 'throws ' + e.name;
  }
  console.log(name + ': ' + out);
}

const about = (k) => [k.type, k.extractable, k.algorithm.name, k.usages];

async function curves() {
  for (const namedCurve of ['P-256', 'P-384', 'P-521']) {
    await tell('ECDSA ' + namedCurve, async () => {
      const algorithm = { name: 'ECDSA', namedCurve }, by = { name: 'ECDSA', hash: 'SHA-256' };
      const k = await s.generateKey(algorithm, true, ['sign', 'verify']);
      const signature = await s.sign(by, k.privateKey, data), out = [about(k.privateKey), about(k.publicKey), signature.byteLength];
      for (const format of ['jwk', 'raw', 'spki']) {
        const written = await s.exportKey(format, k.publicKey);
        const read = await s.importKey(format, written, algorithm, true, ['verify']);
        out.push(format === 'jwk' ? Object.keys(written).sort() : written.byteLength, await s.verify(by, read, signature, data), await s.verify(by, read, signature, other));
      }
      for (const format of ['jwk', 'pkcs8']) {
        const written = await s.exportKey(format, k.privateKey);
        const read = await s.importKey(format, written, algorithm, true, ['sign']);
        out.push(format === 'jwk' ? Object.keys(written).sort() : written.byteLength, await s.verify(by, k.publicKey, await s.sign(by, read, data), data));
      }
      return out;
    });
    await tell('ECDH ' + namedCurve, async () => {
      const algorithm = { name: 'ECDH', namedCurve };
      const a = await s.generateKey(algorithm, true, ['deriveKey', 'deriveBits']), b = await s.generateKey(algorithm, true, ['deriveBits']);
      const read = await s.importKey('raw', await s.exportKey('raw', b.publicKey), algorithm, true, []);
      const x = await s.deriveBits({ name: 'ECDH', public: read }, a.privateKey, 256), y = await s.deriveBits({ name: 'ECDH', public: a.publicKey }, b.privateKey, 256);
      return [b64(x) === b64(y), x.byteLength, about(a.publicKey), about(a.privateKey), about(read)];
    });
  }
}

async function rsa() {
  for (const [name, usages, hash] of [
    ['RSA-OAEP', ['encrypt', 'decrypt'], 'SHA-256'], ['RSA-OAEP', ['encrypt', 'decrypt'], 'SHA-1'], ['RSA-PSS', ['sign', 'verify'], 'SHA-384'],
    ['RSASSA-PKCS1-v1_5', ['sign', 'verify'], 'SHA-256'], ['RSASSA-PKCS1-v1_5', ['sign', 'verify'], 'SHA-512'],
  ]) {
    await tell(name + ' ' + hash, async () => {
      const k = await s.generateKey({ name, modulusLength: 2048, publicExponent: exponent, hash }, true, usages);
      const out = [about(k.privateKey), about(k.publicKey), k.publicKey.algorithm.modulusLength, k.publicKey.algorithm.hash.name];
      const [mine, theirs] = name === 'RSA-OAEP' ? ['decrypt', 'encrypt'] : ['sign', 'verify'];
      const secret = await s.exportKey('jwk', k.privateKey), open = await s.exportKey('jwk', k.publicKey);
      out.push(Object.keys(secret).sort(), Object.keys(open).sort(), open.kty, open.e, (await s.exportKey('spki', k.publicKey)).byteLength);
      const priv = await s.importKey('pkcs8', await s.exportKey('pkcs8', k.privateKey), { name, hash }, true, [mine]);
      // (A public key that k6 reads from JSON cannot be used in it.)
      const pub = await s.importKey('spki', await s.exportKey('spki', k.publicKey), { name, hash }, true, [theirs]);
      const again = await s.importKey('jwk', secret, { name, hash }, true, [mine]);
      if (name === 'RSA-OAEP') {
        for (const by of [{ name }, { name, label: other }]) {
          const sealed = await s.encrypt(by, pub, data);
          out.push(sealed.byteLength, b64(await s.decrypt(by, priv, sealed)), b64(await s.decrypt(by, again, sealed)));
        }
        return out;
      }
      const by = { name, saltLength: 32 }, signature = await s.sign(by, priv, data);
      return out.concat(signature.byteLength, await s.verify(by, pub, signature, data), await s.verify(by, pub, signature, other), await s.verify(by, pub, await s.sign(by, again, data), data));
    });
  }
}

async function passwords() {
  const by = { name: 'PBKDF2', hash: 'SHA-256', salt: data, iterations: 10 };
  const password = await s.importKey('raw', other, 'PBKDF2', false, ['deriveBits', 'deriveKey']);
  await tell('PBKDF2', () => about(password));
  for (const hash of ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'])
    await tell('PBKDF2 ' + hash, async () => b64(await s.deriveBits(Object.assign({}, by, { hash }), password, 256)));
  await tell('key of a password', async () => { const k = await s.deriveKey(by, password, { name: 'AES-CBC', length: 256 }, true, ['encrypt']); return [about(k), k.algorithm.length, b64(await s.exportKey('raw', k))]; });
  await tell('no usage', () => s.importKey('raw', data, 'PBKDF2', false, []));
  await tell('seven bits', () => s.deriveBits(by, password, 7));
  await tell('no iterations', () => s.deriveBits(Object.assign({}, by, { iterations: 0 }), password, 256));
  await tell('HKDF', () => s.importKey('raw', data, 'HKDF', false, ['deriveBits']));
}

async function refused() {
  const curve = { name: 'ECDSA', namedCurve: 'P-256' }, by = { name: 'ECDSA', hash: 'SHA-256' };
  const k = await s.generateKey(curve, false, ['sign', 'verify']), free = await s.generateKey(curve, true, ['sign', 'verify']);
  const a = await s.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']), b = await s.generateKey({ name: 'ECDH', namedCurve: 'P-384' }, true, ['deriveBits']);
  const oaep = await s.generateKey({ name: 'RSA-OAEP', modulusLength: 2048, publicExponent: exponent, hash: 'SHA-256' }, true, ['encrypt', 'decrypt']);
  await tell('not extractable', () => s.exportKey('jwk', k.privateKey));
  await tell('raw of a private key', () => s.exportKey('raw', free.privateKey));
  await tell('sign with a public key', () => s.sign(by, k.publicKey, data));
  await tell('verify nothing', () => s.verify(by, k.publicKey, new Uint8Array(0), data));
  await tell('unknown curve', () => s.generateKey({ name: 'ECDSA', namedCurve: 'P-1' }, true, ['sign']));
  await tell('no curve', () => s.importKey('raw', data, 'ECDSA', false, ['verify']));
  await tell('wrong usage', () => s.generateKey(curve, true, ['encrypt']));
  await tell('no pkcs8', () => s.importKey('pkcs8', data, curve, true, ['sign']));
  await tell('no spki', () => s.importKey('spki', data, { name: 'RSA-PSS', hash: 'SHA-256' }, true, ['verify']));
  await tell('too few bits', () => s.generateKey({ name: 'RSA-PSS', modulusLength: 100, publicExponent: exponent, hash: 'SHA-256' }, true, ['sign', 'verify']));
  await tell('too long', () => s.encrypt({ name: 'RSA-OAEP' }, oaep.publicKey, new Uint8Array(500)));
  await tell('not encrypted', () => s.decrypt({ name: 'RSA-OAEP' }, oaep.privateKey, new Uint8Array(256)));
  await tell('other curve', () => s.deriveBits({ name: 'ECDH', public: b.publicKey }, a.privateKey, 256));
  await tell('more bits than there are', () => s.deriveBits({ name: 'ECDH', public: a.publicKey }, a.privateKey, 512));
}

export default async function () {
  await curves();
  await rsa();
  await passwords();
  await refused();
}
