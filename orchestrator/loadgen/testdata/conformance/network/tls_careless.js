import http from 'k6/http';
import { say } from '../say.mjs';

export const options = { insecureSkipTLSVerify: true };

export default function () {
  for (const name of ['EXPIRED', 'OLD', 'MUTUAL', 'MUTUAL12']) {
    const r = http.get(__ENV[name] + '/status/200');
    say(name, () => [r.status, r.error_code, r.tls_version, r.proto]);
    say('  why', () => r.error);
  }
}
