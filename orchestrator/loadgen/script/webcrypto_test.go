package script_test

import "testing"

// What k6's own answers do not cover: public RSA keys as JSON, and JSON that
// means to break us.
func TestWebCryptoKeysFromOutside(t *testing.T) {
	t.Parallel()
	ok(t, `(async () => {
		const s = crypto.subtle, data = new Uint8Array([1, 2, 3]), by = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
		const k = await s.generateKey({ name: by.name, hash: by.hash, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, true, ['sign', 'verify']);
		const j = await s.exportKey('jwk', k.privateKey), read = await s.importKey('jwk', j, by, true, ['sign']);
		const open = await s.importKey('jwk', await s.exportKey('jwk', k.publicKey), by, true, ['verify']);
		same(await s.verify(by, open, await s.sign(by, read, data), data), true);
		same(Array.from(read.algorithm.publicExponent), [1, 0, 1]);
		const ec = { name: 'ECDSA', namedCurve: 'P-256' }, e = await s.generateKey(ec, true, ['sign', 'verify']), point = await s.exportKey('jwk', e.privateKey);
		const refuses = async (name, key, algorithm, usage) => {
			try { await s.importKey('jwk', key, algorithm, true, [usage]) } catch (err) { same([name, err.name], [name, 'DataError']); return }
			throw new Error(name + ' is read');
		};
		for (const [name, change] of Object.entries({
			'no n': { n: undefined }, 'n is no base64': { n: '%' }, 'n of one bit': { n: 'AQ' }, 'a vast n': { n: 'f'.repeat(4000) }, 'p is one': { p: 'AQ' }, 'p is nothing': { p: 'AA' },
			'p and q are one': { p: 'AQ', q: 'AQ' }, 'd is another': { d: 'AQAB' }, 'no q': { q: '' }, 'kty': { kty: 'EC' }, 'e is even': { e: 'AA' }, 'a vast e': { e: 'f'.repeat(400) },
		})) await refuses(name, Object.assign({}, j, change), by, 'sign');
		for (const [name, change] of Object.entries({ 'not on the curve': { x: 'AAAA' }, 'd of another': { d: 'AQ' }, 'd is nothing': { d: 'AA' }, 'a long d': { d: 'f'.repeat(200) }, 'crv': { crv: 'P-384' }, 'no y': { y: '' } }))
			await refuses(name, Object.assign({}, point, change), ec, 'sign');
		await refuses('no object', 'text', ec, 'verify') })()`)
}
