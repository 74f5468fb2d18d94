import http from 'k6/http';
import { say } from '../say.mjs';

export const options = { insecureSkipTLSVerify: true };
const H = __ENV.H2;

export default async function () {
  const r = http.get(H + '/echo', { headers: { 'X-My': 'данные' }, cookies: { c: 'd' } });
  say('answer', () => [r.status, r.status_text, r.proto, r.tls_version, r.error_code]);
  say('echo', () => r.json());
  say('header names', () => Object.keys(r.headers).sort());
  say('remote', () => [r.remote_ip, String(r.remote_port)]);
  say('timings', () => [r.timings.connecting > 0, r.timings.tls_handshaking > 0, r.timings.blocked > r.timings.tls_handshaking, r.timings.duration > 0]);
  const first = http.get(H + '/remote'), second = http.get(H + '/remote');
  say('kept', () => [first.body === second.body, second.timings.connecting, second.timings.tls_handshaking, second.timings.duration > 0]);
  say('post', () => http.post(H + '/echo', { a: 'b', c: '1' }).json());
  say('large post', () => http.post(H + '/echo', 'x'.repeat(300000)).json('body').length);
  say('redirect', () => { const x = http.get(H + '/redirect'); return [x.status, x.url, x.proto, x.json('headers.Cookie'), x.json('headers.Referer')]; });
  say('not followed', () => { const x = http.get(H + '/redirect', { redirects: 0 }); return [x.status, x.headers.Location, x.cookies.hop[0].value]; });
  say('head', () => { const x = http.head(H + '/echo'); return [x.status, x.body, x.proto]; });
  say('status', () => { const x = http.get(H + '/status'); return [x.status, x.status_text, x.error, x.error_code, x.proto]; });
  say('gzip', () => { const x = http.get(H + '/gzip'); return [x.body, x.headers['Content-Encoding']]; });
  say('bytes', () => { const x = http.get(H + '/gzip', { responseType: 'binary' }); return x.body.byteLength; });
  say('none', () => http.get(H + '/gzip', { responseType: 'none' }).body);
  say('digest', () => { const x = http.get(H.replace('//', '//user:pass@') + '/digest/user/pass', { auth: 'digest' }); return [x.status, x.json()]; });
  say('basic', () => http.get(H.replace('//', '//user:pass@') + '/echo').json('headers.Authorization'));
  say('timeout', () => { const x = http.get(H + '/never', { timeout: 100 }); return [x.status, x.body, x.error, x.error_code, x.proto]; });
  say('cut', () => { const x = http.get(H + '/cut'); return [x.status, x.body, x.error, x.error_code, x.proto]; });
  say('after', () => http.get(H + '/echo').status);
  say('host', () => http.get(H + '/echo', { headers: { Host: 'other.test' } }).json('host'));
  say('close', () => { const x = http.get(H + '/echo', { headers: { Connection: 'close' } }); return [x.status, x.error_code]; });
  say('batch', () => http.batch([H + '/echo?1', H + '/echo?2', H + '/echo?3']).map((x) => [x.status, x.proto, x.json('query')]));
  const later = await http.asyncRequest('GET', H + '/echo');
  say('async', () => [later.status, later.proto]);
  say('mixed', () => http.get(__ENV.URL + '/json').proto);
}
