import http from 'k6/http';
import { say } from './say.mjs';

const U = __ENV.URL, T = __ENV.TLS;

export default function () {
  const r = http.get(U + '/json');
  say('status', () => [r.status, r.status_text, r.proto, r.url, r.error, r.error_code]);
  say('keys', () => Object.keys(r).sort());
  say('headers', () => r.headers);
  say('header names', () => Object.keys(http.get(U + '/headers').headers).sort());
  say('multi', () => http.get(U + '/headers').headers);
  say('tls', () => [r.tls_version, r.tls_cipher_suite, r.ocsp]);
  const s = http.get(T + '/json');
  say('over tls', () => [s.status, s.proto, s.tls_version, s.tls_cipher_suite.length > 0, s.ocsp]);
  say('remote', () => [r.remote_ip, String(r.remote_port)]);
  say('timings', () => Object.keys(r.timings).sort());
  say('request', () => { const q = Object.assign({}, r.request, { headers: Object.keys(r.request.headers) }); return q; });
  say('request of post', () => { const q = http.post(U + '/echo', 'b', { headers: { 'x-my': '1' }, cookies: { c: 'd' } }).request; return [q.method, q.url, q.body, q.cookies, q.headers['X-My'], q.headers['Content-Length'], q.headers['Cookie']]; });
  for (const path of ['n', 'f', 's', 'null', 'yes', 'events', 'events.0', 'events.#.title', 'events.#(id==2).title', 'nope', 'a\\.b', 'events.#', '', '@this.n', 's.x'])
    say('json ' + path, () => r.json(path));
  say('json', () => r.json());
  say('json of text', () => http.get(U + '/status/200').json());
  say('json of nothing', () => http.get(U + '/status/204').json());
  say('json selector of text', () => http.get(U + '/status/200').json('a'));
  for (const code of [200, 201, 204, 304, 400, 404, 418, 419, 429, 499, 500, 502, 503, 599, 799])
    say('code ' + code, () => { const x = http.get(U + '/status/' + code); return [x.status, x.status_text, x.error, x.error_code, x.body]; });
  say('failed', () => { const x = http.get('http://127.0.0.1:1/'); return [x.status, x.status_text, x.body, x.headers, x.cookies, x.proto, x.url, x.error, x.error_code, x.remote_ip, x.remote_port, x.tls_version, x.request.url]; });
  say('failed json', () => http.get('http://127.0.0.1:1/').json());
  say('failed html', () => http.get('http://127.0.0.1:1/').html());
  say('timeout', () => { const x = http.get(U + '/delay/2000', { timeout: 50 }); return [x.status, x.body, x.error, x.error_code]; });
  say('cut', () => { const x = http.get(U + '/cut'); return [x.status, x.body, x.error, x.error_code]; });
  say('new member', () => { r.mine = 1; return r.mine; });
  say('assign', () => { r.status = 9; return r.status; });
  say('assign body', () => { r.body = '{"n":4}'; return [r.body, r.json('n')]; });
  say('as JSON', () => Object.keys(JSON.parse(JSON.stringify(r))).sort());
  say('empty', () => { const x = http.get(U + '/bytes/0'); return [x.status, x.body]; });
  say('empty binary', () => http.get(U + '/bytes/0', { responseType: 'binary' }).body);
  say('instance', () => [typeof r, typeof r.json, typeof r.html, typeof r.clickLink, typeof r.submitForm]);
  say('head', () => { const x = http.head(U + '/json'); return [x.status, x.body, x.headers['Content-Length']]; });
}
