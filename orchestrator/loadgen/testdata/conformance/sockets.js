import ws from 'k6/ws';
import http from 'k6/http';
import { WebSocket, Blob } from 'k6/websockets';
import { say, write } from './say.mjs';

const S = __ENV.URL.replace('http', 'ws'), TS = __ENV.TLS.replace('http', 'ws');

export default async function () {
  let seen = [];
  let r = ws.connect(S + '/ws/echo', { headers: { 'X-A': 'b' }, tags: { k: 'v' } }, (socket) => {
    socket.on('open', () => { seen.push('open'); socket.send('hello'); });
    socket.on('message', (m) => { seen.push(m); if (m === 'hello') socket.send('headers'); else if (m.startsWith('{')) socket.sendBinary(new Uint8Array([1, 2]).buffer); });
    socket.on('binaryMessage', (b) => { seen.push(write(b)); socket.ping(); });
    socket.on('pong', () => { seen.push('pong'); socket.setTimeout(() => { seen.push('timeout'); socket.close(); }, 5); });
    socket.on('close', (code) => seen.push('close ' + code));
    socket.on('error', (e) => seen.push('error'));
    let n = 0;
    socket.setInterval(() => { n++; }, 1);
  });
  say('echo', () => seen);
  say('answer', () => [r.status, r.url, r.error, r.headers.Upgrade, typeof r.body]);
  seen = [];
  r = ws.connect(S + '/ws/close', (socket) => {
    socket.on('message', (m) => seen.push(m));
    socket.on('close', (code) => seen.push('close ' + code));
    socket.on('error', (e) => seen.push('error ' + typeof e.error()));
  });
  say('closed by the server', () => seen);
  seen = [];
  r = ws.connect(TS + '/ws/echo', null, (socket) => { socket.on('open', () => socket.close(1001)); socket.on('close', (c) => seen.push(c)); });
  say('over tls', () => [r.status, seen]);
  say('no socket', () => { const x = ws.connect(S + '/json', () => {}); return x.status; });
  say('refused', () => ws.connect('ws://127.0.0.1:1/', () => {}).status);
  say('no callback', () => ws.connect(S + '/ws/echo'));
  say('callback throws', () => ws.connect(S + '/ws/echo', () => { throw new Error('x'); }));
  say('handler throws', () => ws.connect(S + '/ws/echo', (s) => s.on('open', () => { throw new Error('x'); })));
  http.cookieJar().set(__ENV.URL, 'sid', '7');
  let cookie;
  ws.connect(S + '/ws/echo', (s) => { s.on('open', () => s.send('headers')); s.on('message', (m) => { cookie = JSON.parse(m).cookie; s.close(); }); });
  say('cookies', () => cookie);

  seen = [];
  await new Promise((done) => {
    const s = new WebSocket(S + '/ws/echo', null, { headers: { 'X-A': 'c' }, tags: { k: 'v' } });
    seen.push(s.readyState, s.url.endsWith('/ws/echo'), s.binaryType, s.bufferedAmount);
    s.binaryType = 'arraybuffer';
    s.onopen = () => { seen.push('open', s.readyState); s.send('hello'); };
    s.addEventListener('message', (e) => {
      seen.push(typeof e.data === 'string' ? e.data : write(e.data), e.type);
      if (e.data === 'hello') s.send('headers');
      else if (typeof e.data === 'string') s.send(new Uint8Array([9, 8]).buffer);
      else s.ping();
    });
    s.onpong = () => { seen.push('pong'); s.close(4000, 'enough'); seen.push(s.readyState); };
    s.onerror = (e) => seen.push('error');
    s.onclose = (e) => { seen.push('close', e.code, s.readyState); done(); };
  });
  say('web socket', () => seen);
  seen = [];
  await new Promise((done) => {
    const s = new WebSocket(S + '/ws/close');
    s.onmessage = (e) => seen.push(e.data);
    s.onclose = (e) => { seen.push(e.code, e.reason); done(); };
    s.onerror = (e) => seen.push('error');
  });
  say('closed', () => seen);
  seen = [];
  await new Promise((done) => {
    const s = new WebSocket('ws://127.0.0.1:1/');
    s.onerror = (e) => seen.push('error', typeof e.error, e.type);
    s.onclose = (e) => { seen.push('close', e.code); done(); };
  });
  say('web socket refused', () => seen);
  seen = [];
  await new Promise((done) => {
    const s = new WebSocket(S + '/ws/echo');
    s.onopen = () => s.send(new Uint8Array([1, 2, 3]));
    s.onmessage = async (e) => { seen.push(e.data.size, write(await e.data.arrayBuffer())); s.close(); };
    s.onclose = done;
  });
  say('blob', () => seen);
  for (const protocols of [undefined, null, 'chat', ['talk', 'chat'], ['talk'], [], '']) {
    seen = [];
    await new Promise((done) => {
      const s = new WebSocket(S + '/ws/echo', protocols);
      seen.push(s.protocol, s.extensions);
      s.onopen = () => { seen.push(s.protocol, s.extensions); s.close(); };
      s.onerror = done;
      s.onclose = done;
    });
    say('protocols ' + JSON.stringify(protocols), () => seen);
  }
  say('bad url', () => new WebSocket('http://x/'));
  say('no url', () => new WebSocket());
  say('early send', () => { const s = new WebSocket(S + '/ws/echo'); s.onopen = () => s.close(); s.send('x'); });
  const b = new Blob(['ab', new Uint8Array([99])], { type: 'text/plain' });
  const t = await b.text(), cut = await b.slice(1, 2).text();
  say('own blob', () => [b.size, b.type, t, cut]);
}
