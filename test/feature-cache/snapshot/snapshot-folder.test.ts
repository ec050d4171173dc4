import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { TableShape } from '../../../contract/feature-row.js';
import { CorruptSnapshot } from '../../../feature-cache/snapshot/section.js';
import { SnapshotFolder } from '../../../feature-cache/snapshot/snapshot-folder.js';
import { TableReader } from '../../../feature-cache/store/table-reader.js';
import { TableWriter } from '../../../feature-cache/store/table-writer.js';

const SHAPE: TableShape = { name: 'delays/by carrier', fields: [{ name: 'n', type: 'int32' }] };
const OPTIONS = { budget_bytes: 2 ** 20 };

let path = '';
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'tidegate-snapshots-')), 'snapshots');
});
afterEach(() => rm(join(path, '..'), { recursive: true }));

function tableOf(n: number, shape = SHAPE): TableWriter {
  const writer = new TableWriter(shape, OPTIONS);
  writer.apply({ key: ['e'], event_time_us: 1, ingest_time_us: 1, sequence: 1, source: 'stream', values: { n } }, 1);
  return writer;
}

function storedIn(writer: TableWriter | undefined): unknown {
  assert.ok(writer !== undefined);
  return new TableReader(writer.handle).read(['e'], 1)['n'].value;
}

test('the newest snapshot of a table comes back, whatever the clock did, and two are kept', async () => {
  const folder = new SnapshotFolder(path);
  assert.deepEqual(await folder.restore(SHAPE, OPTIONS), { loaded: undefined, refused: [] });
  const times_us = [1000, 2000, 500, 600];
  for (const [n, now_us] of times_us.entries()) await folder.write(tableOf(n).handle, { stream: n }, now_us);
  assert.equal((await readdir(path)).length, 2);
  const { loaded, refused } = await new SnapshotFolder(path).restore(SHAPE, OPTIONS);
  assert.deepEqual(
    [storedIn(loaded?.writer), loaded?.positions, loaded?.written_at_us, refused],
    [3, { stream: 3 }, 600, []],
  );
});

test('where the newest is damaged the one before is loaded, the damage is told, and the file is put aside', async () => {
  const folder = new SnapshotFolder(path);
  await folder.write(tableOf(1).handle, { stream: 10 }, 1000);
  await folder.write(tableOf(2).handle, { stream: 20 }, 2000);
  const newest = join(path, 'delays%2Fby%20carrier.2000.snapshot');
  const bytes = await readFile(newest);
  bytes[bytes.length >>> 1] ^= 1;
  await writeFile(newest, bytes);
  const { loaded, refused } = await folder.restore(SHAPE, OPTIONS);
  assert.deepEqual([storedIn(loaded?.writer), loaded?.positions], [1, { stream: 10 }]);
  assert.equal(refused.length, 1);
  assert.ok(refused[0] instanceof CorruptSnapshot);
  assert.equal(refused[0].path, newest);
  assert.deepEqual((await readdir(path)).sort(), [
    'delays%2Fby%20carrier.1000.snapshot',
    'delays%2Fby%20carrier.2000.snapshot.damaged',
  ]);
  assert.deepEqual((await folder.restore(SHAPE, OPTIONS)).refused, []);
});

test('with no snapshot that can be believed there is no table, and each reason is told', async () => {
  const folder = new SnapshotFolder(path);
  const other: TableShape = { ...SHAPE, fields: [...SHAPE.fields, { name: 'more', type: 'bool' }] };
  await folder.write(tableOf(1, other).handle, {}, 1000);
  await folder.write(tableOf(2).handle, {}, 2000);
  await writeFile(join(path, 'delays%2Fby%20carrier.2000.snapshot'), '');
  const { loaded, refused } = await folder.restore(SHAPE, OPTIONS);
  assert.equal(loaded, undefined);
  assert.deepEqual(
    refused.map(({ code, message }) => [code, /section 0 is cut off|other fields/.exec(message)?.[0]]),
    [
      ['INTERNAL', 'section 0 is cut off'],
      ['INVALID_CONFIG', 'other fields'],
    ],
  );
  assert.equal(storedIn((await folder.restore(other, OPTIONS)).loaded?.writer), 1, 'the other fields were no damage');
});

test('what a process that ended while writing left is removed, and other views are left alone', async () => {
  const folder = new SnapshotFolder(path);
  const neighbour = { ...SHAPE, name: 'delays' };
  await folder.write(tableOf(7, neighbour).handle, {}, 1000);
  await folder.write(tableOf(8).handle, {}, 1000);
  await writeFile(join(path, 'delays%2Fby%20carrier.2000.snapshot.partial'), 'half');
  await writeFile(join(path, 'delays.2000.snapshot.partial'), 'half of another, which its own table removes');
  assert.equal(storedIn((await folder.restore(SHAPE, OPTIONS)).loaded?.writer), 8);
  await folder.remove(SHAPE.name);
  assert.deepEqual((await readdir(path)).sort(), ['delays.1000.snapshot', 'delays.2000.snapshot.partial']);
  assert.equal(storedIn((await folder.restore(neighbour, OPTIONS)).loaded?.writer), 7);
});
