// Where the time of a request goes, with a server that takes its time at one
// place or another. Of several requests the fastest counts: what a busy machine
// adds is no part of it.
import http from 'k6/http';

export const options = { discardResponseBodies: true, rps: 40 };

const large = 'x'.repeat(3 << 20);
const probes = {
  'at once': () => http.get(`${__ENV.URL}/at-once`),
  'a new connection each time': () => http.get(`${__ENV.URL}/close`),
  'late first byte': () => http.get(`${__ENV.URL}/late`),
  'late last byte': () => http.get(`${__ENV.URL}/drip`),
  'late first and last byte': () => http.get(`${__ENV.URL}/late-drip`),
  'request that is read late': () => http.post(`${__ENV.URL}/late-upload`, large),
  'late handshake': () => http.get(`${__ENV.TLS}/close`),
  'handshake and all': () => http.get(`${__ENV.TLS}/late-drip-close`),
  'kept connection with TLS': () => http.get(`${__ENV.TLS}/late`),
};

export default function () {
  for (const [name, send] of Object.entries(probes)) {
    send(); // opens the connection where it is kept
    const all = [1, 2, 3].map(() => send().timings);
    const total = (t) => t.blocked + t.duration;
    console.log(`${name}: ${JSON.stringify(all.reduce((least, t) => (total(t) < total(least) ? t : least)))}`);
  }
}
