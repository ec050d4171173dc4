import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { segmentName } from '../../../runtime/predict-log/segment-file.js';
import type { Shipping } from '../../../runtime/predict-log/ship/shipping.js';
import { segmentsOf } from '../../../runtime/predict-log/spool-directory.js';
import { until } from '../../harness/ask.js';
import { append, clickhouseError, type Fate, MemoryStore, numbered, shippingOf, spoolRig } from './ship-rig.js';

const FATES: readonly Fate[] = ['done', 'done', 'done', 'refused', 'lost', 'killed before', 'killed after'];
const EPOCH = 1_790_000_000_000_000;

const keys = (store: MemoryStore) => store.rows.map(({ epoch, seq, row_idx }) => `${epoch}:${seq}:${row_idx}`);

test('whatever is lost, refused or killed on the way, every row arrives once and in order', async (t) => {
  const plan = fc.record({
    records: fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 40 }),
    lives: fc.integer({ min: 1, max: 4 }),
    fates: fc.array(fc.constantFrom(...FATES), { maxLength: 30 }),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ records, lives, fates }) => {
      const rig = spoolRig(t);
      const store = new MemoryStore();
      const coming = [...fates];
      store.fate = () => coming.shift() ?? 'done';
      const expected: string[] = [];
      let seq = 0;
      for (let life = 0; life < lives; life++) {
        const spool = await rig.life(EPOCH + life, 1024 * 1024);
        for (const rows of records) {
          append(spool, numbered(seq, rows));
          for (let row = 0; row < rows; row++) expected.push(`${EPOCH + life}:${seq}:${row}`);
          seq++;
        }
        while (!(await shipped(shippingOf(rig, spool, store), store)));
      }
      assert.deepEqual(keys(store), expected);
    }),
    { numRuns: 30 },
  );
});

/** Runs a shipper until it has nothing left to do, or is killed. Returns whether it lived. */
async function shipped(shipping: Shipping, store: MemoryStore): Promise<boolean> {
  let killed = false;
  const death = new Promise<void>((resolve) => {
    store.killed = () => {
      killed = true;
      resolve();
    };
  });
  const run = shipping.run();
  await Promise.race([death, until('everything is shipped', () => killed || isDone(shipping))]);
  if (killed) return false;
  shipping.stop();
  await run;
  return true;
}

function isDone({ status }: Shipping): boolean {
  return status.passes > 0 && status.lag_bytes === 0;
}

test('rows that the store refuses go to the dead letters, each with its reason; everything around them is shipped once', async (t) => {
  const rig = spoolRig(t);
  const spool = await rig.life(EPOCH);
  const store = new MemoryStore();
  for (let seq = 0; seq < 30; seq++) append(spool, numbered(seq, 3));
  const poison = new Set(['4:1', '17:0', '17:2']);
  store.poison = ({ seq, row_idx }) => poison.has(`${seq}:${row_idx}`);
  const kills = [7, 12];
  let inserts = 0;
  store.fate = () => (kills.includes(inserts++) ? 'killed after' : 'done');
  while (!(await shipped(shippingOf(rig, spool, store), store)));
  const expected = Array.from({ length: 90 }, (_, row) => `${Math.floor(row / 3)}:${row % 3}`).filter(
    (key) => !poison.has(key),
  );
  assert.deepEqual(store.rows.map(({ seq, row_idx }) => `${seq}:${row_idx}`).sort(), expected.sort());
  const letters = deadLetters(rig.dead_letters);
  assert.deepEqual(new Set(letters.map(({ seq, row_idx }) => `${seq}:${row_idx}`)), poison);
  const [first] = letters;
  assert.deepEqual([first.code, first.node, first.epoch, first.row.request_id], ['469', 'edge-1', EPOCH, 'r4']);
  assert.match(first.reason, /VIOLATED_CONSTRAINT/);
});

test('rows that nobody can encode go to the dead letters too, whatever their number; the others are shipped once', async (t) => {
  const rig = spoolRig(t);
  const spool = await rig.life(EPOCH);
  const store = new MemoryStore();
  const broken = new Map([
    [3, -1],
    [11, Number.NaN],
    [12, 2 ** 60],
  ]);
  for (let seq = 0; seq < 20; seq++) {
    append(spool, { ...numbered(seq, 3), ts_us: broken.get(seq) ?? numbered(seq).ts_us });
  }
  // A whole record of them: more than a store may refuse of a batch.
  append(spool, { ...numbered(20, 120), ts_us: -5 });
  append(spool, numbered(21, 2));
  const kills = [2, 5];
  let inserts = 0;
  store.fate = () => (kills.includes(inserts++) ? 'killed after' : 'done');
  let shipping = shippingOf(rig, spool, store);
  while (!(await shipped(shipping, store))) shipping = shippingOf(rig, spool, store);
  const whole = Array.from({ length: 20 }, (_, seq) => seq).filter((seq) => !broken.has(seq));
  const expected = [...whole.flatMap((seq) => [0, 1, 2].map((row) => `${seq}:${row}`)), '21:0', '21:1'];
  assert.deepEqual(
    store.rows.map(({ seq, row_idx }) => `${seq}:${row_idx}`),
    expected,
  );
  const letters = deadLetters(rig.dead_letters);
  assert.equal(new Set(letters.map(({ seq, row_idx }) => `${seq}:${row_idx}`)).size, 129);
  for (const { code, reason, seq } of letters) {
    assert.equal(code, 'UNENCODABLE');
    assert.match(reason, /^the row cannot be encoded: ts_us is (-1|NaN|1152921504606847000|-5)$/, `${seq}`);
  }
  assert.equal(letters.find(({ seq }) => seq === 3)?.row.request_id, 'r3');
});

interface Letter {
  readonly reason: string;
  readonly code: string;
  readonly node: string;
  readonly epoch: number;
  readonly seq: number;
  readonly row_idx: number;
  readonly row: { readonly request_id: string };
}

function deadLetters(folder: string): Letter[] {
  return readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  );
}

test('a store that refuses everything is not believed: the rows stay in the spool, but for the bound of a batch', async (t) => {
  const rig = spoolRig(t);
  const spool = await rig.life(EPOCH);
  const store = new MemoryStore();
  for (let seq = 0; seq < 400; seq++) append(spool, numbered(seq));
  store.poison = () => true;
  const shipping = shippingOf(rig, spool, store, { limits: { rows: 400, bytes: 1e9 } });
  const run = shipping.run();
  await until('the shipper waits', () => shipping.status.blocked === 'data');
  assert.equal(shipping.status.dead_letters, 100);
  store.poison = () => false;
  await until('the rest is shipped', () => isDone(shipping));
  shipping.stop();
  await run;
  assert.equal(store.rows.length, 300);
});

test('tables that are missing are made once, and then the batch goes; a wrong password only waits', async (t) => {
  const rig = spoolRig(t);
  const spool = await rig.life(EPOCH);
  const store = new MemoryStore();
  append(spool, numbered(0));
  store.failure = clickhouseError('516', 'AUTHENTICATION_FAILED');
  const shipping = shippingOf(rig, spool, store);
  const run = shipping.run();
  await until('it waits for access', () => shipping.status.failures.access > 2);
  assert.deepEqual([shipping.status.blocked, store.migrations], ['access', 1]);
  store.failure = clickhouseError('60', 'UNKNOWN_TABLE');
  await until('it has migrated', () => shipping.status.failures.schema > 3);
  assert.equal(store.migrations, 2, 'once at the start, once when tables were missing');
  store.failure = undefined;
  await until('it is shipped', () => isDone(shipping));
  shipping.stop();
  await run;
  assert.deepEqual([store.rows.length, shipping.status.blocked, store.layouts.length], [1, '', 1]);
});

test('segments are deleted when they are shipped, but never the one that grows; what was dropped in between is no obstacle', async (t) => {
  const rig = spoolRig(t);
  const spool = await rig.life(EPOCH, 1024 * 1024);
  const store = new MemoryStore();
  for (let seq = 0; seq < 3000; seq++) append(spool, numbered(seq));
  const before = segmentsOf(rig.directory);
  assert.ok(before.length > 4);
  unlinkSync(join(rig.directory, segmentName(before[1].number)));
  await shipped(shippingOf(rig, spool, store), store);
  assert.deepEqual(
    segmentsOf(rig.directory).map(({ number }) => number),
    [spool.state.written.segment],
  );
  assert.deepEqual(spool.state.shipped, spool.state.written);
  const seqs = store.rows.map(({ seq }) => seq);
  assert.deepEqual(
    seqs,
    [...new Set(seqs)].sort((a, b) => a - b),
  );
  assert.equal(seqs.at(-1), 2999);
  assert.ok(seqs.length > 2000 && seqs.length < 3000);
});

test('when every file of the spool is gone and numbers begin again, new segments are shipped all the same', async (t) => {
  const rig = spoolRig(t);
  const store = new MemoryStore();
  const first = await rig.life(EPOCH, 1024 * 1024);
  for (let seq = 0; seq < 3000; seq++) append(first, numbered(seq));
  await shipped(shippingOf(rig, first, store), store);
  await first.close();
  for (const { number } of segmentsOf(rig.directory)) unlinkSync(join(rig.directory, segmentName(number)));
  const second = await rig.life(EPOCH + 1);
  append(second, numbered(0));
  assert.ok(second.state.written.segment < first.state.written.segment);
  await shipped(shippingOf(rig, second, store), store);
  assert.deepEqual([store.rows.length, store.rows.at(-1)?.epoch], [3001, EPOCH + 1]);
});

test('a damaged stretch is counted and stepped over, once', async (t) => {
  const rig = spoolRig(t);
  const spool = await rig.life(EPOCH, 1024 * 1024);
  const store = new MemoryStore();
  for (let seq = 0; seq < 600; seq++) append(spool, numbered(seq));
  const [{ number, bytes }] = segmentsOf(rig.directory);
  const file = openSync(join(rig.directory, segmentName(number)), 'r+');
  writeSync(file, Buffer.alloc(16, 0xff), 0, 16, Math.floor(bytes / 2));
  closeSync(file);
  const shipping = shippingOf(rig, spool, store);
  await shipped(shipping, store);
  assert.equal(shipping.status.damaged, 1);
  assert.ok(store.rows.length >= 597 && store.rows.length < 600, String(store.rows.length));
});

test('rows are binned with the newest spec, which is remembered without the store; a batch keeps the one that it was settled with', async (t) => {
  const rig = spoolRig(t);
  const spool = await rig.life(EPOCH);
  const store = new MemoryStore();
  const features = [
    { feature: 'x[0]', kind: 'numeric', edges: [0, 10, 20], coarse: [0, 2], reference: [] },
    { feature: 'gone', kind: 'numeric', edges: [0, 1], coarse: [0, 1], reference: [] },
    { feature: '@score', kind: 'numeric', edges: [0, 0.5, 1], coarse: [0, 2], reference: [] },
    { feature: '@class', kind: 'categorical', categories: ['yes', 'no'], reference: [] },
  ] as const;
  store.known = [{ spec_id: 5, model: 'wide', version: 0, features }];
  append(spool, numbered(12));
  store.fate = () => 'killed before';
  assert.equal(await shipped(shippingOf(rig, spool, store), store), false);
  store.known = [{ spec_id: 6, model: 'wide', version: 3, features: features.slice(2) }];
  store.fate = () => 'done';
  append(spool, numbered(25));
  await shipped(shippingOf(rig, spool, store), store);
  store.specs = () => Promise.reject(new Error('nobody there'));
  append(spool, { ...numbered(26), outcome: 'QUEUE_FULL' });
  append(spool, numbered(27));
  await shipped(shippingOf(rig, spool, store, { limits: { rows: 1, bytes: 1e9 } }), store);
  assert.deepEqual(
    store.rows.map(({ columns }) => [columns.seq, columns.spec_id, columns.bins]),
    [
      [12, 5, [3, 0, 2, 3]],
      [25, 6, [2, 3]],
      [26, 0, []],
      [27, 6, [2, 3]],
    ],
  );
});

test('an old batch is looked up before it is sent again: sent where its token is remembered or its rows are missing, else taken as done', async (t) => {
  for (const { arrived, forgotten } of [
    { arrived: true, forgotten: true },
    { arrived: true, forgotten: false },
    { arrived: false, forgotten: true },
  ]) {
    const rig = spoolRig(t);
    const spool = await rig.life(EPOCH);
    const store = new MemoryStore();
    append(spool, numbered(0, 5));
    store.fate = () => (arrived ? 'killed after' : 'killed before');
    assert.equal(await shipped(shippingOf(rig, spool, store), store), false);
    const path = join(rig.directory, 'shipped.json');
    const checkpoint = JSON.parse(readFileSync(path, 'utf8'));
    checkpoint.plan.planned_at_ms -= 3_600_000;
    writeFileSync(path, JSON.stringify(checkpoint));
    if (forgotten) store.tokens.clear();
    store.inserts_since = forgotten ? 20_000 : 5;
    store.fate = () => 'done';
    const shipping = shippingOf(rig, spool, store);
    await shipped(shipping, store);
    assert.equal(store.rows.length, 5);
    assert.equal(shipping.status.found_shipped, arrived && forgotten ? 1 : 0);
  }
});
