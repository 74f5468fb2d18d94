import http from 'k6/http';
import { say } from '../say.mjs';

const secure = (name) => __ENV[name].replace('http:', 'https:');

export default function () {
  for (const name of ['H2', 'EXPIRED', 'OLD', 'BROKEN', 'URL']) {
    const r = http.get(secure(name) + '/echo');
    say(name, () => [r.status, r.body, r.error_code, r.tls_version, r.proto]);
    say('  why', () => r.error.replace(/current time .*/, ''));
  }
  say('plain to TLS', () => { const x = http.get(__ENV.H2.replace('https:', 'http:') + '/echo'); return [x.status, x.error_code]; });
  say('mute', () => { const x = http.get(secure('MUTE') + '/echo', { timeout: 150 }); return [x.status, x.error, x.error_code]; });
}
