import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { READ_FRESH } from '../../../contract/feature-row.js';
import { Gather, gatherNotes } from '../../../feature-cache/gather/gather.js';
import { CONTROL_INDEX, type TableHandle } from '../../../feature-cache/store/table-memory.js';
import { type ReadValue, TableReader } from '../../../feature-cache/store/table-reader.js';
import type { TableStats } from '../../../feature-cache/store/table-writer.js';
import { GROWN_ENTITIES } from './growth-writer.js';
import { HAMMER_KEYS, HAMMER_SHAPE, textOf } from './hammer-writer.js';

const LEAST_MS = 1000;
/** By then rows have been evicted, however slow the machine. */
const LEAST_UPDATES = 20_000;
/** A writer that died would let its readers go round for ever. */
const MOST_MS = 60_000;

/** Half of the shape's features, of all entities, into tensors; fails as `assertWhole` does. */
function gathererOf(handle: TableHandle): () => void {
  const names = ['a0', 'a1', 'a2', 'a3', 'owner', 'b0', 'b1'];
  assert.ok(names.every((name) => HAMMER_SHAPE.fields.some((field) => field.name === name)));
  const tensor = new Float64Array(HAMMER_KEYS * names.length);
  const vectors = new Float32Array(HAMMER_KEYS * 64);
  const texts: string[] = [];
  const gather = new Gather(handle, [
    ...names.map((feature, offset) => ({ feature, array: tensor, offset, stride: names.length })),
    { feature: 'vector', array: vectors, offset: 0, stride: 64 },
    { feature: 'text', array: texts, offset: 0, stride: 1 },
  ]);
  const notes = gatherNotes(HAMMER_KEYS, names.length + 2);
  const keys = Array.from({ length: HAMMER_KEYS }, (_, owner) => `entity-${owner}`);
  return () => {
    gather.gather(keys, 0, notes);
    for (let owner = 0; owner < HAMMER_KEYS; owner++) {
      const first = owner * (names.length + 2);
      if (notes.status[first] !== READ_FRESH) continue;
      const [a0, a1, a2, a3, owned, b0, b1] = tensor.subarray(owner * names.length, (owner + 1) * names.length);
      assert.deepEqual([a1, a2, a3], [a0, a0, a0]);
      assert.deepEqual([...notes.age_us.subarray(first, first + 4)], [-a0, -a0, -a0, -a0]);
      if (notes.status[first + 4] !== READ_FRESH) continue;
      assert.deepEqual([owned, b1, texts[owner]], [owner, b0, textOf(owner, b0)]);
      assert.ok(vectors.subarray(owner * 64, (owner + 1) * 64).every((value) => value === b0));
      assert.equal(notes.age_us[first + 5], -b0);
    }
  };
}

/** Fails if values of two updates, or of two entities, were read as one row. */
function assertWhole(owner: number, row: Record<string, ReadValue>): void {
  const n = row['a0'].value;
  for (const name of ['a0', 'a1', 'a2', 'a3']) {
    assert.equal(row[name].value, n, `${name} is of the same update as a0`);
    assert.equal(row[name].event_time_us, n, `${name} has the time of its update`);
    assert.equal(row[name].sequence, n);
  }
  if (row['owner'].status !== 'fresh') return;
  const m = row['b0'].value;
  assert.ok(typeof m === 'number');
  assert.equal(row['owner'].value, owner);
  assert.equal(row['b1'].value, m);
  assert.equal(row['text'].value, textOf(owner, m));
  assert.equal(row['kind'].value, `kind ${m % 10}`);
  assert.deepEqual(row['vector'].value, new Float32Array(64).fill(m));
  for (const name of ['b0', 'b1', 'text', 'kind', 'vector']) {
    assert.equal(row[name].event_time_us, m);
    assert.equal(row[name].ingest_time_us, m + 1);
  }
}

test('a reader never sees half of an update, nor a row of another entity, while a thread updates, frees and evicts', async () => {
  const stop = new SharedArrayBuffer(8);
  const progress = new Int32Array(stop);
  const worker = new Worker(new URL('./hammer-writer.js', import.meta.url), { workerData: { stop } });
  const [handle]: TableHandle[] = await once(worker, 'message');
  const reader = new TableReader(handle);
  const gatherAll = gathererOf(handle);
  const end = performance.now() + LEAST_MS;
  let found = 0;
  let seen_changed = 0;
  let last: unknown;
  try {
    while (performance.now() < end || Atomics.load(progress, 1) < LEAST_UPDATES) {
      assert.ok(performance.now() < end + MOST_MS, 'the writer goes on');
      gatherAll();
      for (let owner = 0; owner < HAMMER_KEYS; owner++) {
        const row = reader.read([`entity-${owner}`], 0);
        if (row['a0'].status === 'missing') continue;
        assertWhole(owner, row);
        found++;
        if (owner === 1 && row['a0'].value !== last) seen_changed++;
        last = owner === 1 ? row['a0'].value : last;
      }
    }
  } finally {
    Atomics.store(progress, 0, 1);
  }
  const [stats]: TableStats[] = await once(worker, 'message');
  await worker.terminate();
  assert.ok(found > 0 && seen_changed > 1, `the reader saw rows change: ${found} found, ${seen_changed} changes`);
  assert.ok(stats.evicted > 0, 'rows were evicted and given to others');
  assert.ok(stats.committed_bytes <= stats.budget_bytes, 'within its budget all the while');
});

test('an entity that was inserted is found by every thread from then on, while the index grows under its readers', async () => {
  const counters = new SharedArrayBuffer(8);
  const inserted = new Int32Array(counters);
  const worker = new Worker(new URL('./growth-writer.js', import.meta.url), { workerData: { counters } });
  const [handle]: TableHandle[] = await once(worker, 'message');
  const ended = once(worker, 'message');
  const reader = new TableReader(handle);
  Atomics.store(inserted, 1, 1);
  Atomics.notify(inserted, 1);
  const end = performance.now() + MOST_MS;
  let reads = 0;
  let generations = 0;
  let last_index = -1;
  const control = new Int32Array(handle.control);
  for (let count = 0; count < GROWN_ENTITIES; count = Atomics.load(inserted, 0)) {
    assert.ok(performance.now() < end, 'the writer goes on');
    const index = Atomics.load(control, CONTROL_INDEX);
    if (index !== last_index) generations++;
    last_index = index;
    if (count === 0) continue;
    // The newest, which the index has held for the shortest time, and one of all.
    for (const n of [count - 1, (reads * 7919) % count])
      assert.equal(reader.read([n], 1)['n'].value, n, `${n} of ${count}`);
    reads++;
  }
  const [stats]: TableStats[] = await ended;
  await worker.terminate();
  assert.deepEqual([stats.entities, stats.evicted], [GROWN_ENTITIES, 0]);
  assert.ok(reads > 1000 && generations > 2, `${reads} reads, ${generations} indexes seen`);
});
