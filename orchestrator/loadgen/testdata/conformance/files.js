import { open as openFile, SeekMode } from 'k6/experimental/fs';
import csv from 'k6/experimental/csv';
import { say } from './say.mjs';

const parsed = {};
let file, plain, named, part;

async function parse(name, options) {
  try {
    parsed[name] = [...(await csv.parse(await openFile('data.csv'), options))];
  } catch (e) {
    parsed[name] = 'rejected';
  }
}

(async function () {
  file = await openFile('data.csv');
  plain = new csv.Parser(await openFile('data.csv'), { skipFirstLine: true });
  named = new csv.Parser(await openFile('data.csv'), { asObjects: true });
  part = new csv.Parser(await openFile('data.csv'), { fromLine: 2, toLine: 3 });
  await parse('all', {});
  await parse('skip', { skipFirstLine: true });
  await parse('from 1', { fromLine: 1 });
  await parse('0 to 1', { fromLine: 0, toLine: 1 });
  await parse('1 to 2', { skipFirstLine: true, fromLine: 1, toLine: 2 });
  await parse('objects', { asObjects: true });
  await parse('objects from', { asObjects: true, fromLine: 2 });
  await parse('objects skip', { asObjects: true, skipFirstLine: true });
  await parse('below', { fromLine: -1 });
  await parse('turned', { fromLine: 3, toLine: 1 });
  await parse('past', { fromLine: 99 });
  await parse('long delimiter', { delimiter: 'xx' });
  await parse('no options');
  try { await openFile('nope.csv'); parsed.missing = 'opened'; } catch (e) { parsed.missing = 'rejected'; }
})();

async function tell(name, f) {
  try { const v = await f(); say(name, () => v); } catch (e) { console.log(name + ': throws'); }
}

export default async function () {
  for (const k of Object.keys(parsed)) say('parse ' + k, () => parsed[k]);
  await tell('path', () => file.path.endsWith('/data.csv'));
  await tell('stat', () => file.stat());
  const b = new Uint8Array(30);
  await tell('read', async () => [await file.read(b), Array.from(b.slice(0, 4))]);
  await tell('read the rest', () => file.read(b));
  await tell('read past', () => file.read(b));
  await tell('seek', () => file.seek(0, SeekMode.Start));
  await tell('seek on', () => file.seek(5, SeekMode.Current));
  await tell('seek the end', () => file.seek(-3, SeekMode.End));
  await tell('seek back', () => file.seek(-2, SeekMode.Current));
  await tell('read there', () => file.read(b));
  for (const [offset, whence] of [[-1, 0], [1000, 0], [1, 2], [0, 7], [undefined, 0], ['a', 0], [-1000, 1]])
    await tell('seek ' + offset + ' ' + whence, () => file.seek(offset, whence));
  await tell('read into a number', () => file.read(5));
  await tell('read into a buffer', () => file.read(new ArrayBuffer(4)));
  await tell('read into nothing', () => file.read(new Uint8Array(0)));
  await tell('late open', () => openFile('data.csv'));
  await tell('late parser', () => new csv.Parser(file, {}));
  await tell('parser of text', () => csv.parse('x', {}));
  for (const [name, p] of [['plain', plain], ['named', named], ['part', part]])
    for (let i = 0; i < 5; i++) await tell(name + ' ' + i, () => p.next());
}
