import http from 'k6/http';
import ws from 'k6/ws';
import { say } from '../say.mjs';

export const options = { insecureSkipTLSVerify: true, hosts: { 'direct.test': __ENV.URL.replace('http://', '') } };

const told = (r) => [r.status, r.body, r.error, r.error_code, r.proto, r.remote_ip, String(r.remote_port)];

export default function () {
  const r = http.get('http://events.test/json?a=b', { cookies: { c: 'd' } });
  say('answer', () => told(r));
  say('seen', () => JSON.parse(r.headers['X-Seen']));
  say('timings', () => [r.timings.connecting > 0, r.timings.tls_handshaking, r.timings.duration > 0]);
  const again = http.get('http://other.test:8080/json');
  say('seen of another', () => JSON.parse(again.headers['X-Seen']));
  say('kept', () => again.timings.connecting);
  say('post', () => http.post('http://events.test/echo', 'body').json('body'));
  say('redirect', () => { const x = http.get('http://events.test/redirect/2'); return [x.status, x.url]; });
  say('cookies', () => JSON.parse(http.get('http://events.test/json').headers['X-Seen']).cookie.split('; ').sort());
  say('status', () => { const x = http.get('http://events.test/status/503'); return [x.status, x.body, x.error_code]; });
  const s = http.get('https://secure.test/echo');
  say('tunnel', () => [s.status, s.proto, s.tls_version, s.remote_ip, String(s.remote_port), s.json('host'), s.timings.tls_handshaking > 0, s.timings.connecting > 0]);
  say('tunnel kept', () => http.get('https://secure.test/echo').timings.connecting);
  say('refused', () => { const x = http.get('http://refused.test/'); return [x.status, x.error_code]; });
  say('refused tunnel', () => told(http.get('https://refused.test/')));
  say('socket', () => {
    const heard = [];
    const x = ws.connect('ws://events.test/ws/echo', (socket) => {
      socket.on('open', () => socket.send('hello'));
      socket.on('message', (m) => { heard.push(m); socket.close(); });
    });
    return [x.status, heard];
  });
  say('direct', () => { const x = http.get('http://direct.test/json'); return [x.status, x.headers['X-Seen']]; });
  say('this machine', () => { const x = http.get(__ENV.URL + '/json'); return [x.status, x.headers['X-Seen']]; });
}
