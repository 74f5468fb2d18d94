import http from 'k6/http';
import { say } from './say.mjs';

const U = __ENV.URL;
const post = (body, params) => { const j = http.post(U + '/echo', body, params).json(); return [j.body, j.headers['Content-Type'], j.headers['Content-Length'], j.parts]; };

export default function () {
  say('text', () => post('тело'));
  say('empty', () => post('')[0]);
  say('null', () => post(null));
  say('undefined', () => post());
  say('number', () => post(5));
  say('bool', () => post(true));
  say('bytes', () => post(new Uint8Array([65, 66]).buffer));
  say('typed array', () => post(new Uint8Array([65, 66])));
  say('form', () => post({ b: 'x y', a: 'б&', n: 3, z: true }));
  say('form list', () => post({ a: ['1', '2'], b: [] }));
  say('form null', () => post({ a: null, b: undefined }));
  say('form object', () => post({ a: { b: 1 } }));
  say('empty object', () => post({}).slice(0, 2));
  say('array', () => post(['a', 'b']));
  say('form with a type', () => post({ a: 1 }, { headers: { 'Content-Type': 'application/json' } }));
  say('json', () => post(JSON.stringify({ a: 1 }), { headers: { 'Content-Type': 'application/json' } }));
  say('file', () => post({ f: http.file('content', 'a.txt', 'text/plain'), field: 'v' }));
  say('file bytes', () => post({ f: http.file(new Uint8Array([97, 98]).buffer, 'b.bin') }));
  say('file without a name', () => { const p = post({ f: http.file('x') })[3][0]; return [p.name, /^\d{19}$/.test(p.file), p.type, p.data]; });
  say('file and list', () => post({ f: http.file('x', 'x.y'), a: 1, b: 'two' }));
  say('file object', () => { const f = http.file('x', 'n.t', 'a/b'); return [f.data, f.filename, f.content_type, Object.keys(f).sort()]; });
  say('file of number', () => http.file(3).data);
  say('file bare', () => post(http.file('x', 'n')));
  for (const verb of ['put', 'patch', 'del', 'options'])
    say(verb, () => { const j = http[verb](U + '/echo', { a: 1 }).json(); return [j.method, j.body, j.headers]; });
  for (const verb of ['put', 'patch', 'del', 'options'])
    say(verb + ' nothing', () => { const j = http[verb](U + '/echo').json(); return [j.method, j.body, j.headers]; });
  say('request', () => http.request('get', U + '/echo').json('method'));
  say('request with body', () => http.request('GET', U + '/echo', 'x').json('body'));
  say('request custom', () => http.request('search', U + '/echo', 'x').json('method'));
  say('get has no body', () => http.get(U + '/echo', 'x').json('body'));
}
