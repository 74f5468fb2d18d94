import http from 'k6/http';
import { say } from './say.mjs';

const U = __ENV.URL;
const echo = (params) => http.get(U + '/echo', params).json();

export default function () {
  say('plain', () => echo());
  say('null', () => echo(null));
  say('headers', () => echo({ headers: { 'x-lower': 'a', 'X-Number': 3, Host: 'other.example', 'X-Empty': '' } }));
  say('cookies', () => echo({ cookies: { a: '1', b: 'two words', c: { value: 'v', replace: true } } }).headers);
  say('cookie number', () => echo({ cookies: { n: 3 } }).headers);
  say('redirects 0', () => { const r = http.get(U + '/redirect/2', { redirects: 0 }); return [r.status, r.url, r.headers.Location]; });
  say('redirects 1', () => { const r = http.get(U + '/redirect/2', { redirects: 1 }); return [r.status, r.url]; });
  say('redirects', () => { const r = http.get(U + '/redirect/3'); return [r.status, r.url, r.request.url, r.json('headers.Cookie')]; });
  for (const code of [301, 302, 303, 307, 308])
    say('post redirect ' + code, () => { const r = http.post(U + '/redirect-to?code=' + code + '&url=/echo', 'body', { headers: { 'Content-Type': 'x/y', 'X-A': 'b' } }); return [r.status, r.json('method'), r.json('body'), r.json('headers'), r.request.method, r.request.body]; });
  say('redirect nowhere', () => { const r = http.get(U + '/redirect-to?url='); return [r.status, r.error, r.error_code]; });
  say('redirect bad', () => { const r = http.get(U + '/redirect-to?url=h%3A%2F%2F%5B'); return [r.status, r.error_code]; });
  say('redirect scheme', () => { const r = http.get(U + '/redirect-to?url=ftp%3A%2F%2Fx%2F'); return [r.status, r.error_code]; });
  say('timeout text', () => http.get(U + '/json', { timeout: '3s' }).status);
  say('timeout number', () => http.get(U + '/json', { timeout: 3000 }).status);
  say('timeout bad', () => http.get(U + '/json', { timeout: 'soon' }).status);
  say('timeout null', () => http.get(U + '/json', { timeout: null }).status);
  say('type none', () => http.get(U + '/json', { responseType: 'none' }).body);
  say('type binary', () => http.get(U + '/bytes/4', { responseType: 'binary' }).body);
  say('type text', () => http.get(U + '/status/200', { responseType: 'text' }).body);
  say('type bad', () => http.get(U + '/json', { responseType: 'xml' }).status);
  say('binary as text', () => http.get(U + '/bytes/3').body);
  say('binary json', () => http.get(U + '/json', { responseType: 'binary' }).json('n'));
  say('none json', () => http.get(U + '/json', { responseType: 'none' }).json('n'));
  const withUser = U.replace('://', '://us:pw@');
  say('basic', () => { const r = http.get(withUser + '/basic/us/pw', { auth: 'basic' }); return [r.status, r.json(), r.url, r.request.url]; });
  say('basic by url alone', () => { const r = http.get(withUser + '/basic/us/pw'); return [r.status, r.url]; });
  say('basic wrong', () => http.get(U.replace('://', '://us:no@') + '/basic/us/pw', { auth: 'basic' }).status);
  say('basic absent', () => http.get(U + '/basic/us/pw', { auth: 'basic' }).status);
  say('digest', () => { const r = http.get(withUser + '/digest/us/pw', { auth: 'digest' }); return [r.status, r.json('user'), r.url]; });
  say('digest post', () => { const r = http.post(withUser + '/digest/us/pw', 'data', { auth: 'digest' }); return [r.status, r.json('body')]; });
  say('digest wrong', () => http.get(U.replace('://', '://us:no@') + '/digest/us/pw', { auth: 'digest' }).status);
  say('auth unknown', () => http.get(withUser + '/basic/us/pw', { auth: 'magic' }).status);
  for (const encoding of ['gzip', 'deflate', 'br', 'zstd', 'identity', 'what'])
    say('answer in ' + encoding, () => { const r = http.get(U + '/encoded/' + encoding); return [r.status, r.body, r.error, r.error_code, r.headers['Content-Encoding']]; });
  for (const c of ['gzip', 'deflate', 'br', 'zstd', 'gzip, deflate', 'what'])
    say('compression ' + c, () => { const r = http.post(U + '/echo', 'some text', { compression: c, headers: { 'Content-Type': 'a/b' } }); return [r.status, r.json('headers.Content-Encoding'), r.json('headers.Content-Type'), r.json('headers.Content-Length') !== undefined, r.request.body]; });
  say('tags bad', () => http.get(U + '/json', { tags: 'x' }).status);
  say('unknown param', () => http.get(U + '/json', { nope: 1 }).status);
  say('throw', () => http.get('http://127.0.0.1:1/', { throw: true }).status);
  say('bad url', () => { const r = http.get('nonsense'); return [r.status, r.error_code, r.body]; });
  say('bad scheme', () => { const r = http.get('ftp://127.0.0.1/'); return [r.status, r.error_code]; });
  say('no host', () => { const r = http.get('http:///x'); return [r.status, r.error_code]; });
  say('no url', () => { const r = http.get(); return [r.status, r.error_code]; });
  say('bad header', () => { const r = http.get(U + '/json', { headers: { 'a b': 'c' } }); return [r.status, r.error_code]; });
  say('bad method', () => { const r = http.request('BAD METHOD', U + '/json'); return [r.status, r.error_code]; });
  say('query', () => http.get(U + '/echo?a=б&c=d e#frag').json('query'));
  say('url', () => http.get(U + '/echo?a=б&c=d e#frag').url);
  say('template', () => { const r = http.get(http.url`${U}/echo?id=${7}`); return [r.status, r.url, r.json('query')]; });
  say('template object', () => http.url`${U}/x/${1}/y`);
}
