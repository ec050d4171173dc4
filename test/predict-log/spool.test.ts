import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { segmentName } from '../../runtime/predict-log/segment-file.js';
import { segmentsOf, spoolDirectory } from '../../runtime/predict-log/spool-directory.js';
import { SpoolState } from '../../runtime/predict-log/spool-state.js';
import { BUILT, temporaryFolder } from '../harness/checkout.js';
import { recordsIn } from './log-rig.js';
import { type PlainRecord, records } from './record-rig.js';
import { append, openSpool, recordOf } from './spool-rig.js';

const MIB = 1024 * 1024;
const seqs = (directory: string): number[] => recordsIn(directory).map(({ seq }) => seq);
const plain = ({
  epoch: _epoch,
  layout: _layout,
  share: _share,
  score: _score,
  class: _class,
  ...record
}: ReturnType<typeof recordsIn>[number]): PlainRecord => record;

test('whatever is appended is there after a close and an open, in order, over segments and lives', async (t) => {
  const root = await temporaryFolder(t, 'spool');
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(records, { maxLength: 5 }), { maxLength: 6 }), async (lives) => {
      const directory = join(root, String(run++));
      for (const life of lives) {
        const { spool } = openSpool(directory);
        for (const record of life) {
          assert.equal(append(spool, record), true);
          if (record.seq % 2 === 0) assert.equal(spool.flush(), true);
        }
        await spool.close();
      }
      const found = existsSync(directory) ? recordsIn(directory).map(plain) : [];
      assert.deepEqual(found, lives.flat());
      rmSync(directory, { recursive: true, force: true });
    }),
    { numRuns: 40 },
  );
});

test('a process that is killed at random moments loses nothing that it had flushed', async (t) => {
  const directory = await temporaryFolder(t, 'killed');
  const seed = Number(process.env['TIDEGATE_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const random = mulberry(seed);
  let flushed = -1;
  let written = 0;
  for (let life = 0; life < 8; life++) {
    const child = spawn(process.execPath, [join(BUILT, 'test/predict-log/appender.js'), directory, String(written)]);
    let said = '';
    child.stdout.on('data', (text) => {
      said += String(text);
    });
    await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, random() * 120));
    child.kill('SIGKILL');
    await once(child, 'close');
    flushed = Number(said.split('\n').at(-2));
    const found = seqs(directory);
    // What was written after the last word was heard may be there as well; numbers go up one by one all the same.
    assert.ok(found.length > flushed, `${found.length} records, ${flushed} was flushed (TIDEGATE_TEST_SEED=${seed})`);
    assert.deepEqual(
      found,
      Array.from({ length: found.length }, (_, index) => index),
      `TIDEGATE_TEST_SEED=${seed}`,
    );
    written = found.length;
  }
  const { spool } = openSpool(directory);
  await spool.close();
  assert.deepEqual(seqs(directory).length, written);
});

/** A small generator with a seed (mulberry32), so that a failing run can be made again. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('a torn tail is cut, counted and told once; damage in the middle costs what it hit', async (t) => {
  const directory = await temporaryFolder(t, 'torn');
  const first = openSpool(directory);
  for (let seq = 0; seq < 10; seq++) append(first.spool, recordOf(seq));
  await first.spool.close();
  const [{ number, bytes }] = segmentsOf(directory);
  const path = join(directory, segmentName(number));
  truncateSync(path, bytes - 100);
  const second = openSpool(directory);
  assert.equal(second.spool.counters.torn_tails, 1);
  assert.equal(second.told.filter(({ message }) => message.startsWith('cut')).length, 1);
  append(second.spool, recordOf(10));
  await second.spool.close();
  assert.deepEqual(seqs(directory), [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]);
  const content = readFileSync(path);
  content[Math.floor(content.length / 2)] ^= 1;
  writeFileSync(path, content);
  assert.equal(seqs(directory).length, 9);
  const third = openSpool(directory);
  assert.equal(third.spool.counters.torn_tails, 0);
  await third.spool.close();
});

test('a segment of which not even the header was written is put aside, and a strange file is left alone', async (t) => {
  const directory = await temporaryFolder(t, 'header');
  writeFileSync(join(directory, segmentName(3)), 'TGSPOOL');
  writeFileSync(join(directory, 'notes.txt'), 'mine');
  const { spool } = openSpool(directory);
  append(spool, recordOf(1));
  await spool.close();
  assert.deepEqual(seqs(directory), [1]);
  assert.ok(existsSync(join(directory, `${segmentName(3)}.torn`)));
  const found = segmentsOf(directory);
  appendFileSync(
    join(directory, segmentName(found[0].number + 1)),
    'something else altogether, longer than any header of ours',
  );
  const next = openSpool(directory);
  append(next.spool, recordOf(2));
  await next.spool.close();
  assert.deepEqual(
    segmentsOf(directory).map(({ number }) => number - found[0].number),
    [0, 1, 2],
  );
});

test('one process at a time uses a spool; the lock of one that died is taken over', async (t) => {
  const directory = await temporaryFolder(t, 'lock');
  const { spool } = openSpool(directory);
  assert.throws(() => openSpool(directory), {
    name: 'TidegateError',
    code: 'INVALID_CONFIG',
    message: /is used by process \d+/,
  });
  const other = spawnSync(process.execPath, [join(BUILT, 'test/predict-log/appender.js'), directory, '0'], {
    encoding: 'utf8',
  });
  assert.match(other.stderr, new RegExp(`is used by process ${process.pid}`));
  await spool.close();
  const gone = spawnSync(process.execPath, ['-e', 'process.stdout.write(String(process.pid))'], { encoding: 'utf8' });
  for (const stale of [
    JSON.stringify({ pid: Number(gone.stdout), started: '' }),
    JSON.stringify({ pid: process.pid, started: '1' }),
    '{"pid":',
  ]) {
    writeFileSync(join(directory, 'lock'), stale);
    const { spool: next } = openSpool(directory);
    assert.equal(next.failing, false);
    await next.close();
  }
});

test('where the folder cannot be written, records are counted as dropped, once a minute a line says so, and it goes on later', async (t) => {
  const root = await temporaryFolder(t, 'unwritable');
  writeFileSync(join(root, 'file'), '');
  const directory = join(root, 'file', 'spool');
  const { spool, told } = openSpool(directory);
  for (let seq = 0; seq < 3; seq++) assert.equal(append(spool, recordOf(seq)), false);
  assert.equal(spool.flush(), true, 'nothing was left to write');
  assert.equal(spool.counters.dropped.error, 3);
  assert.deepEqual(
    told.map(({ message }) => message),
    ['the prediction log cannot be written; inference goes on', 'predictions are dropped from the log'],
  );
  rmSync(join(root, 'file'));
  mkdirSync(join(root, 'file'));
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.equal(append(spool, recordOf(3)), true);
  await spool.close();
  assert.deepEqual(seqs(directory), [3]);
});

test('drop_newest keeps what is there, drop_oldest makes room, refuse asks for none; each counts', async (t) => {
  const root = await temporaryFolder(t, 'full');
  const fill = (overflow: 'drop_newest' | 'drop_oldest' | 'refuse') => {
    const { spool } = openSpool(join(root, overflow), { overflow, spool_bytes: MIB });
    let refused = 0;
    for (let seq = 0; seq < 3000; seq++) {
      if (spool.refuses) refused++;
      else append(spool, recordOf(seq, 1000));
      spool.flush();
    }
    return { spool, refused };
  };
  const newest = fill('drop_newest');
  const kept = seqs(newest.spool.directory);
  assert.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, index) => index),
  );
  assert.equal(newest.spool.counters.dropped.newest, 3000 - kept.length);
  const oldest = fill('drop_oldest');
  const left = seqs(oldest.spool.directory);
  assert.deepEqual(
    left,
    Array.from({ length: left.length }, (_, index) => 3000 - left.length + index),
  );
  assert.equal(oldest.spool.counters.dropped.oldest, 3000 - left.length);
  const refusing = fill('refuse');
  assert.equal(seqs(refusing.spool.directory).length, 3000 - refusing.refused);
  assert.ok(refusing.refused > 1000);
  for (const { spool } of [newest, oldest, refusing]) {
    assert.ok(spool.bytes <= MIB + 2000, `${spool.bytes} bytes`);
    await spool.close();
  }
});

test('drop_oldest never deletes what the shipper holds, and room that the shipper makes is found', async (t) => {
  const directory = await temporaryFolder(t, 'held');
  const { spool } = openSpool(directory, { overflow: 'drop_oldest', spool_bytes: MIB });
  append(spool, recordOf(0, 1000));
  spool.flush();
  const [{ number }] = segmentsOf(directory);
  const shipper = new SpoolState(spool.state.buffer);
  shipper.hold(number);
  for (let seq = 1; seq < 3000; seq++) {
    append(spool, recordOf(seq, 1000));
    spool.flush();
  }
  assert.equal(segmentsOf(directory)[0].number, number);
  assert.equal(seqs(directory)[0], 0);
  shipper.letGo();
  const found = segmentsOf(directory);
  for (const each of found.slice(0, -1)) rmSync(join(directory, segmentName(each.number)));
  const dropped = spool.counters.dropped.oldest;
  await new Promise((resolve) => setTimeout(resolve, 60));
  for (let seq = 3000; seq < 3100; seq++) append(spool, recordOf(seq, 1000));
  assert.equal(spool.counters.dropped.oldest, dropped);
  await spool.close();
});

test('a disk that takes no more bytes costs records and nothing else, and what it has stays whole', async (t) => {
  const directory = await temporaryFolder(t, 'limit');
  const script = `trap '' XFSZ; ulimit -f 200; exec "$0" "$1" "$2" 0`;
  const child = spawn('sh', ['-c', script, process.execPath, join(BUILT, 'test/predict-log/appender.js'), directory]);
  t.after(() => void child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (text) => {
    said += String(text);
  });
  for (let last = ''; last === '' || last !== said; last = said)
    await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(child.exitCode, null, 'it still runs');
  child.kill('SIGKILL');
  await once(child, 'close');
  const flushed = said.trim().split('\n').map(Number);
  const found = new Set(seqs(directory));
  assert.ok(found.has(0) && found.has(flushed[0]));
  assert.ok(segmentsOf(directory).every(({ bytes }) => bytes <= 200 * 1024));
});

test('syncs are shared, and everything that was flushed before is covered', async (t) => {
  const directory = await temporaryFolder(t, 'sync');
  const { spool } = openSpool(directory, { sync: 'each' });
  const waits: Promise<boolean>[] = [];
  for (let seq = 0; seq < 100; seq++) {
    append(spool, recordOf(seq));
    spool.flush();
    waits.push(spool.synced());
  }
  assert.deepEqual(new Set(await Promise.all(waits)), new Set([true]));
  assert.ok(spool.counters.syncs <= 3, `${spool.counters.syncs} syncs for 100 records`);
  await spool.close();
});

test('names of nodes become folders, whatever they are', () => {
  assert.equal(spoolDirectory('data', 'edge-1'), join('data', 'spool', 'edge-1'));
  assert.equal(spoolDirectory('data', '../x'), join('data', 'spool', '%2E%2E%2Fx'));
});
