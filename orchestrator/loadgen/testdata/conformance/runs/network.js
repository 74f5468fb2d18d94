// Options about requests and connections.
import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
const url = __ENV.URL, port = url.split(':')[2];
export const options = JSON.parse((__ENV.OPTIONS || '{}').replaceAll('SERVER', url).replaceAll('PORT', port));
const say = (r) => console.log(`${r.status} ${r.error_code} ${r.error.replace(/:\\d+/g, ':<port>')} ${r.body === null ? null : r.body.length}`);
const tried = (f) => { try { say(f()); } catch (e) { console.log(`threw ${String(e).replace(/:\\d+/g, ':<port>')}`); } };
const acts = {
  three: () => { for (let i = 0; i < 3; i++) say(http.get(`${url}/json`)); },
  batch: () => console.log(http.batch(Array.from({ length: 14 }, (_, i) => `${i % 2 ? url : __ENV.TLS}/quiet/400`)).map((r) => r.status).join(' ')),
  many: () => {
    const begun = Date.now();
    for (let i = 0; i < 7; i++) http.get(`${url}/json`);
    const took = Date.now() - begun;
    console.log(took > 550 ? 'limited' : `took ${took} ms`);
  },
  redirect: () => { tried(() => http.get(`${url}/redirect/3`)); tried(() => http.get(`${url}/redirect/3`, { redirects: 1 })); tried(() => http.get(`${url}/redirect/1`)); },
  named: () => { for (const host of ['mapped.test', 'other.test:81', 'sub.wild.test', 'wild.test', 'MAPPED.test']) tried(() => http.get(`http://${host.includes(':') ? host : `${host}:${port}`}/json`)); },
  reach: () => { for (const at of [`http://127.0.0.1:${port}`, `http://localhost:${port}`, 'http://10.1.2.3', 'http://a.example.com', 'http://example.com', 'http://deep.a.example.com']) tried(() => http.get(`${at}/json`, { timeout: '500ms' })); },
  bodies: () => {
    for (const p of [{}, { responseType: 'text' }, { responseType: 'none' }]) tried(() => http.get(`${url}/json`, p));
    const r = http.get(`${url}/json`, { responseType: 'binary' });
    console.log(r.body === null ? null : r.body.byteLength);
  },
  cookie: () => { http.get(`${url}/set-cookies?a=1`); console.log(JSON.stringify(Object.keys(http.cookieJar().cookiesForURL(url)).sort())); },
  keeps: () => { console.log(JSON.stringify(Object.keys(http.cookieJar().cookiesForURL(url)).sort())); http.get(`${url}/set-cookies?n${__ITER}=1`); },
  agent: () => { for (const h of [{}, { 'User-Agent': 'own' }, { 'user-agent': '' }]) console.log(JSON.stringify(http.post(`${url}/echo`, '', { headers: h }).request.headers['User-Agent'])); },
  bad: () => { for (const to of ['http://127.0.0.1:1/', 'nonsense', 'http://', 'ftp://127.0.0.1/', `${url}/cut`]) tried(() => http.get(to)); console.log('after'); },
  secure: () => { const r = http.get(`${__ENV.TLS}/json`); console.log(`${r.tls_version} ${r.proto} ${r.error_code} ${r.error}`); },
  tagged: () => { http.get(`${url}/json`, { tags: { own: '1', name: 'named' } }); http.get(`${url}/status/404`); exec.vu.tags.later = 'x'; http.get(http.url`${url}/status/${500}`); check(1, { c: true }, { of: 'check' }); },
  located: () => { http.get(`${url}/json`, { tags: { name: 'named' } }); http.get(`${url}/status/404`); http.get(`${url}/redirect/1`); },
  short: () => {},
};
export default function () { acts[__ENV.ACT](); }
export function handleSummary(data) {
  const took = data.state.testRunDurationMs;
  return { stdout: __ENV.ACT === 'short' ? `fact: ${took > 850 && took < 1900 ? 'three times 300 ms' : took}\n` : '' };
}
