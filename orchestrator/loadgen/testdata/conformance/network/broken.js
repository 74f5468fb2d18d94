import http from 'k6/http';
import { say } from '../say.mjs';

const B = __ENV.BROKEN;

export default function () {
  for (const path of [
    'cut', 'cut in headers', 'nothing', 'other protocol', 'status no number', 'status too long', 'header without colon', 'length no number',
    'length below zero', 'two lengths', 'length and chunks', 'length too short', 'no length', 'old version', 'unknown coding', 'chunk no number',
    'chunk too short', 'chunks cut', 'chunk cut', 'hints', 'unfinished redirect', 'body where none is', 'no reason', 'other reason',
    'headers with spaces', 'header twice by case', 'reset', 'gzip wrong', 'gzip cut', 'gzip checksum',
    'gzip empty', 'gzip and nothing new', 'deflate wrong', 'br wrong', 'zstd wrong', 'rot13 wrong', 'identity wrong',
  ]) {
    // Deflate without its head is understood here, so that what is wrong shows later.
    const r = http.get(B + '/' + encodeURIComponent(path));
    say(path, () => [r.status, r.status_text, r.proto, path === 'deflate wrong' || r.body, r.error_code, r.headers['X-A']]);
    if (!/gzip|deflate|br|zstd/.test(path)) say('  why', () => r.error);
    say('  thrown away', () => { const x = http.get(B + '/' + encodeURIComponent(path), { responseType: 'none' }); return [x.status, x.error_code]; });
  }
  say('switching protocols', () => { const x = http.get(B + '/switching%20protocols', { timeout: 1000 }); return [x.status, x.error_code]; });
  say('head', () => { const x = http.head(B + '/gzip%20and%20nothing%20new'); return [x.status, x.body, x.error_code]; });
  for (const path of ['never', 'drip', 'drip headers'])
    say(path, () => { const x = http.get(B + '/' + encodeURIComponent(path), { timeout: 150 }); return [x.status, x.body === null, x.error, x.error_code]; });
  say('header bomb', () => { const x = http.get(B + '/header%20bomb'); return [x.status, x.error_code]; });
  say('redirects without end', () => { const x = http.get(__ENV.URL + '/redirect-to?url=' + encodeURIComponent(__ENV.URL + '/redirect/20')); return [x.status, x.url, x.error_code]; });
  const self = __ENV.URL + '/redirect-to?url=';
  say('redirect to itself', () => { const x = http.get(self + '%3Furl%3D'); return [x.status, x.error_code]; });
  say('big', () => { const x = http.get(B + '/big?n=104857600'); return [x.status, x.body.length, x.error_code]; });
  say('big thrown away', () => { const x = http.get(B + '/big?n=104857600', { responseType: 'none' }); return [x.status, x.body, x.error_code]; });
}
