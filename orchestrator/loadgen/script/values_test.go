package script_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

// What scripts hand to the modules that only compute, good and bad. What k6 says
// to the same is in testdata/conformance beside the command.
func TestValues(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"hashes":          "throws(() => k6crypto.createHash('nope'), 'there are md4'); throws(() => k6crypto.hmac('sha256', 'k', 5, 'hex'), 'want text or bytes'); throws(() => k6crypto.randomBytes(1e12), 'randomBytes')",
		"views":           "throws(() => k6crypto.md5({byteLength: 5, byteOffset: 1, buffer: new ArrayBuffer(2)}, 'hex'), 'want text'); const b = new Uint8Array([1, 2, 3, 4]); same(k6crypto.md5(new Uint16Array(b.buffer, 2, 1), 'hex'), k6crypto.md5(new Uint8Array([3, 4]), 'hex')); same(k6crypto.md5(new DataView(b.buffer, 1, 2), 'hex'), k6crypto.md5(new Uint8Array([2, 3]), 'hex'))",
		"web keys":        "const s = crypto.subtle; await rejects(s.generateKey({name: 'RSA-OAEP'}, true, ['encrypt']), 'NotSupportedError'); await rejects(s.generateKey({name: 'AES-GCM', length: 100}, true, ['encrypt']), 'OperationError'); await rejects(s.importKey('raw', new Uint8Array(5), 'AES-CBC', true, ['encrypt']), 'DataError'); await rejects(s.importKey('pkcs8', new Uint8Array(16), 'AES-CBC', true, ['encrypt']), 'NotSupportedError'); await rejects(s.importKey('raw', new Uint8Array(16), 'AES-CBC', true, ['sign']), 'SyntaxError'); await rejects(s.importKey('raw', new Uint8Array(16), 'AES-CBC', true, []), 'SyntaxError')",
		"web key in JSON": "const s = crypto.subtle, k = await s.generateKey({name: 'HMAC', hash: 'SHA-512'}, true, ['sign', 'verify']); const j = await s.exportKey('jwk', k); same([j.kty, j.alg, j.k.length], ['oct', 'HS512', 171]); const again = await s.importKey('jwk', j, {name: 'HMAC', hash: 'SHA-512'}, false, ['verify']); same(await s.verify('HMAC', again, await s.sign('HMAC', k, new Uint8Array([1])), new Uint8Array([1])), true); await rejects(s.exportKey('raw', again), 'InvalidAccessError'); await rejects(s.sign('HMAC', again, new Uint8Array(1)), 'InvalidAccessError')",
		"web ciphers":     "const s = crypto.subtle, k = await s.importKey('raw', new Uint8Array(32), 'AES-GCM', false, ['encrypt', 'decrypt']); const x = await s.encrypt({name: 'AES-GCM', iv: new Uint8Array(12)}, k, new Uint8Array(3)); new Uint8Array(x)[0] ^= 1; await rejects(s.decrypt({name: 'AES-GCM', iv: new Uint8Array(12)}, k, x), 'OperationError'); await rejects(s.encrypt({name: 'AES-GCM'}, k, new Uint8Array(3)), 'OperationError'); await rejects(s.encrypt({name: 'AES-CBC', iv: new Uint8Array(16)}, k, new Uint8Array(3)), 'InvalidAccessError'); const b = await s.importKey('raw', new Uint8Array(16), 'AES-CBC', false, ['decrypt']); for (const n of [0, 5, 16]) await rejects(s.decrypt({name: 'AES-CBC', iv: new Uint8Array(16)}, b, new Uint8Array(n)), 'OperationError')",
		"text":            "same(new TextDecoder('windows-1251').decode(new Uint8Array([0xff])), 'я'); same(new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 97])), 'a'); throws(() => new TextDecoder('nope'), 'no encoding'); throws(() => new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([255])), 'not text'); throws(() => new TextDecoder().decode('x'), 'ArrayBuffer'); same([new TextDecoder('utf8').encoding, new TextEncoder().encoding], ['utf-8', 'utf-8'])",
		"blobs":           "const b = new Blob(['ab', new Uint8Array([99]), new Blob(['d'])], {type: 'x/y'}); same([b.size, b.type, await b.slice(-2).text(), await b.slice(3, 1).text(), (await b.bytes())[0]], [4, 'x/y', 'cd', '', 97]); throws(() => new Blob('x'), 'array')",
		"HTML":            "const d = parseHTML('<p>a<!-- c --><b id=i>b</b></p>'); same([d.find('p').contents().size(), d.find('b').get(0).previousSibling().nodeValue(), d.find('>>').size(), d.find('b').get(9), d.find('b').get(-1).id()], [3, ' c ', 0, undefined, 'i']); throws(() => d.find('b').each(3), 'function'); throws(() => d.find('b').map((i, e) => { throw new Error('inside') }), 'inside'); throws(() => d.find.call({}, 'b'), 'something else'); same(parseHTML('').text(), '')",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := files(t, map[string]string{"main.js": imports + `import k6crypto from 'k6/crypto'; import { parseHTML } from 'k6/html'; import { Blob } from 'k6/websockets';
				Blob; k6crypto; parseHTML;
				async function rejects(p, name) { try { await p } catch (e) { if (e.name === name) return; throw e } throw new Error('not rejected, want ' + name) }
				export default async function () { ` + body + `; c.add(1) }`})
			require.NoError(t, err)
			b := newBench(t, p)
			require.NoError(t, b.vm.Iterate(t.Context(), b.task, script.Iteration{}).Err)
			require.Equal(t, 1.0, b.sum("done"))
		})
	}
}
