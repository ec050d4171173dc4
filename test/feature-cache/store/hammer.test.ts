import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { TableHandle } from '../../../feature-cache/store/table-memory.js';
import { type ReadValue, TableReader } from '../../../feature-cache/store/table-reader.js';
import type { TableStats } from '../../../feature-cache/store/table-writer.js';
import { HAMMER_KEYS, textOf } from './hammer-writer.js';

const MOST_MS = 1500;

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
  const end = performance.now() + MOST_MS;
  let found = 0;
  let seen_changed = 0;
  let last: unknown;
  try {
    while (performance.now() < end) {
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
