import http, { CookieJar } from 'k6/http';
import { say } from './say.mjs';

const U = __ENV.URL, T = __ENV.TLS;
const sent = (params, base = U) => (http.get(base + '/echo', params).json('headers.Cookie') || [])[0];

export const options = { iterations: 2 };

export default function () {
  say('fresh', () => sent());
  const r = http.get(U + '/set-cookies?a=1&b=two');
  say('answer', () => Object.keys(r.cookies).sort());
  say('one', () => r.cookies.a);
  say('full', () => r.cookies.full);
  say('secret', () => r.cookies.secret);
  say('gone', () => r.cookies.gone);
  say('kept', () => sent());
  say('kept elsewhere', () => http.get(U + '/headers').request.cookies);
  say('over tls', () => sent(null, T));
  say('added', () => sent({ cookies: { mine: 'm', a: 'other' } }));
  say('replaced', () => sent({ cookies: { a: { value: 'new', replace: true }, b: { value: 'kept', replace: false } } }));
  say('header', () => sent({ headers: { Cookie: 'h=1' } }));
  const jar = http.cookieJar();
  say('jar', () => jar.cookiesForURL(U + '/echo'));
  say('jar root', () => jar.cookiesForURL(U));
  say('set', () => { const x = jar.set(U, 'own', 'v1'); return [x, sent()]; });
  say('set with a path', () => { jar.set(U, 'deep', 'v', { path: '/json' }); return [sent(), jar.cookiesForURL(U + '/json').deep]; });
  say('set with a domain', () => { jar.set(U, 'dom', 'v', { domain: 'example.com' }); return jar.cookiesForURL(U).dom; });
  say('set secure', () => { jar.set(U, 'sec', 'v', { secure: true }); return [jar.cookiesForURL(U).sec, jar.cookiesForURL(U.replace('http:', 'https:')).sec]; });
  say('set expired', () => { jar.set(U, 'old', 'v', { expires: 'Mon, 02 Jan 2006 15:04:05 MST' }); return jar.cookiesForURL(U).old; });
  say('set expires badly', () => jar.set(U, 'old', 'v', { expires: 'yesterday' }));
  say('set max age', () => { jar.set(U, 'age', 'v', { max_age: 5, http_only: true }); return jar.cookiesForURL(U).age; });
  say('set max age 0', () => { jar.set(U, 'zero', 'v', { max_age: 0 }); return jar.cookiesForURL(U).zero; });
  say('set max age below', () => { jar.set(U, 'neg', 'v', { max_age: -1 }); return jar.cookiesForURL(U).neg; });
  say('set number', () => { jar.set(U, 'num', 5); return jar.cookiesForURL(U).num; });
  say('set on a bad url', () => jar.set('::', 'x', 'y'));
  say('delete', () => { const x = jar.delete(U, 'own'); return [x, jar.cookiesForURL(U).own]; });
  say('clear', () => { const x = jar.clear(U); return [x, Object.keys(jar.cookiesForURL(U))]; });
  const other = new http.CookieJar();
  say('other jar', () => { other.set(U, 'o', '1'); return [sent({ jar: other }), sent()]; });
  say('other jar learns', () => { http.get(U + '/set-cookies?n=1', { jar: other }); return [Object.keys(other.cookiesForURL(U)).sort(), sent()]; });
  say('named class', () => { const j = new CookieJar(); j.set(U, 'k', 'v'); return j.cookiesForURL(U); });
  say('jar bad', () => sent({ jar: 'x' }));
  say('jar null', () => sent({ jar: null }));
  say('members', () => [typeof jar.set, typeof jar.clear, typeof jar.delete, typeof jar.cookiesForURL]);
  say('redirect', () => http.get(U + '/redirect/2').json('headers.Cookie'));
  say('redirect with cookie', () => http.get(U + '/redirect/1', { cookies: { once: '1' } }).json('headers.Cookie'));
}
