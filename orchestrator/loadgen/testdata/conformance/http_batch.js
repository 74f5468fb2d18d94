import http from 'k6/http';
import { check } from 'k6';
import { say } from './say.mjs';

const U = __ENV.URL;
const ask = (r) => [r.status, r.json('method'), r.json('body')];

export default async function () {
  say('list', () => http.batch([U + '/echo', ['POST', U + '/echo', 'b'], ['GET', U + '/echo', null, { tags: { a: 'b' } }], { method: 'PUT', url: U + '/echo', body: { x: 1 }, params: { headers: { 'X-A': '1' } } }]).map(ask));
  say('object', () => { const r = http.batch({ one: U + '/echo', two: { url: U + '/echo' }, three: ['DELETE', U + '/echo'] }); return [Object.keys(r).sort(), ask(r.one), ask(r.two), ask(r.three)]; });
  say('is list', () => [Array.isArray(http.batch([U + '/json'])), Array.isArray(http.batch({ a: U + '/json' }))]);
  say('small method', () => http.batch([['post', U + '/echo', 'x']]).map(ask));
  say('template', () => http.batch([['GET', http.url`${U}/echo`]]).map(ask));
  say('empty', () => http.batch([]));
  say('nothing', () => http.batch());
  say('text', () => http.batch('x'));
  say('bad url', () => http.batch([U + '/json', 'nonsense']).map((r) => [r.status, r.error_code]));
  say('no url', () => http.batch([{ method: 'GET' }]).map((r) => [r.status]));
  say('refused', () => http.batch(['http://127.0.0.1:1/', U + '/json']).map((r) => [r.status, r.error_code]));
  say('cookies', () => http.batch([U + '/set-cookies?z=1']).map((r) => r.status));
  say('many', () => http.batch(Array(30).fill(U + '/json')).filter((r) => r.json('n') === 3).length);
  say('throws', () => http.batch([['GET', 'http://127.0.0.1:1/', null, { throw: true }]]).map((r) => r.status));
  const a = await http.asyncRequest('POST', U + '/echo', 'later', { headers: { 'X-A': 'b' } });
  say('async', () => ask(a));
  const all = await Promise.all([1, 2, 3].map((i) => http.asyncRequest('GET', U + '/echo?' + i)));
  say('async all', () => all.map((r) => r.json('query')));
  try { await http.asyncRequest('GET', 'http://127.0.0.1:1/', null, { throw: true }); console.log('no'); } catch (e) { console.log('async throws'); }
  const failed = await http.asyncRequest('GET', 'http://127.0.0.1:1/');
  say('async failed', () => [failed.status, failed.error_code]);
  const bad = await http.asyncRequest('GET', 'nonsense').catch((e) => ({ status: 'caught' }));
  say('async bad url', () => bad.status);
  say('callback', () => { http.setResponseCallback(http.expectedStatuses(404, { min: 200, max: 299 })); return typeof http.expectedStatuses(200); });
  say('callback bad', () => http.setResponseCallback(() => true));
  say('callback null', () => { http.setResponseCallback(null); return 1; });
  say('statuses bad', () => http.expectedStatuses('a'));
  say('statuses none', () => http.expectedStatuses());
  say('param callback', () => http.get(U + '/status/404', { responseCallback: http.expectedStatuses(404) }).status);
  say('param callback bad', () => http.get(U + '/status/404', { responseCallback: 'x' }).status);
  for (const name of ['TLS_1_0', 'TLS_1_1', 'TLS_1_2', 'TLS_1_3', 'SSL_3_0', 'OCSP_STATUS_GOOD', 'OCSP_STATUS_REVOKED', 'OCSP_STATUS_SERVER_FAILED', 'OCSP_STATUS_UNKNOWN', 'OCSP_REASON_AA_COMPROMISE', 'OCSP_REASON_AFFILIATION_CHANGED', 'OCSP_REASON_CA_COMPROMISE', 'OCSP_REASON_CERTIFICATE_HOLD', 'OCSP_REASON_CESSATION_OF_OPERATION', 'OCSP_REASON_KEY_COMPROMISE', 'OCSP_REASON_PRIVILEGE_WITHDRAWN', 'OCSP_REASON_REMOVE_FROM_CRL', 'OCSP_REASON_SUPERSEDED', 'OCSP_REASON_UNSPECIFIED'])
    say(name, () => http[name]);
  say('module', () => Object.keys(http).sort());
}
