import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_LIMITS } from '../../contract/limits.js';
import { ManifestSchema } from '../../contract/manifest.js';
import type { Entry } from '../../runtime/batch/entry.js';
import { ModelQueue } from '../../runtime/batch/model-queue.js';
import { planRequests } from '../../runtime/batch/request-plan.js';
import type { ServedVersion } from '../../runtime/model/served-version.js';

function queueFor(max_batch: number, manifest: object = {}): ModelQueue {
  const shape = [-1, -1];
  const tensor = (name: string) => ({ name, datatype: 'FP32' as const, shape, symbols: ['batch', ''] });
  const version: ServedVersion = {
    handle: 1,
    model: 'm',
    version: 1,
    artefact: '/nowhere',
    signature: { inputs: [tensor('x')], outputs: [tensor('y')] },
    batching: { max_batch, reason: 'fixed by the test' },
    manifest: ManifestSchema.parse(manifest),
    instances: 1,
    memory_bytes: 0,
  };
  return new ModelQueue(version, planRequests(version), DEFAULT_LIMITS);
}

interface Arrival {
  readonly priority: number;
  readonly width: number;
  readonly rows: number;
  readonly deadline_us: number;
}

function push(queue: ModelQueue, arrival: Arrival, admitted_us: number): Entry {
  const lane = queue.lane(arrival.priority, `${arrival.width}`, [{ shape: [arrival.rows, arrival.width] }]);
  const entry: Entry = {
    phase: 'waiting',
    waiter: undefined,
    queue,
    lane,
    face: 'http',
    rows: arrival.rows,
    address: 0,
    bytes: 0,
    inputBytes: [0],
    arrived_us: admitted_us,
    admitted_us,
    deadline_us: arrival.deadline_us,
    sequence: undefined,
    endsSequence: false,
    alone: false,
  };
  lane.push(entry);
  return entry;
}

const arrivals = fc.array(
  fc.record({
    priority: fc.integer({ min: 1, max: 3 }),
    width: fc.integer({ min: 1, max: 3 }),
    rows: fc.integer({ min: 0, max: 8 }),
    deadline_us: fc.constantFrom(50, Number.POSITIVE_INFINITY),
  }),
  { maxLength: 60 },
);

test('every request is taken exactly once or expires; batches keep the bound, the shape, the priority and the order', () => {
  fc.assert(
    fc.property(arrivals, fc.constantFrom(0, 8), fc.integer({ min: 1, max: 5 }), (list, max_batch, most) => {
      const queue = queueFor(max_batch);
      const waiting = new Set(list.map((arrival, at) => push(queue, arrival, at)));
      const expired: Entry[] = [];
      for (;;) {
        const highest = Math.min(...[...waiting].map((entry) => entry.lane.priority));
        const batch = queue.take(100, most, (entry) => {
          expired.push(entry);
          entry.phase = 'done';
          entry.lane.left(entry);
          waiting.delete(entry);
        });
        if (batch.length === 0 && waiting.size === 0) break;
        if (batch.length === 0) continue;
        assert.ok(batch.length <= most);
        const rows = batch.reduce((sum, entry) => sum + entry.rows, 0);
        assert.ok(max_batch === 0 ? batch.length === 1 : rows <= max_batch, `${rows} rows`);
        assert.ok(
          batch.every((entry) => entry.lane === batch[0].lane),
          'shapes were mixed',
        );
        assert.ok(
          batch.every((entry, at) => at === 0 || batch[at - 1].admitted_us <= entry.admitted_us),
          'order was lost',
        );
        const survivors = [...waiting].filter((entry) => entry.lane.priority < batch[0].lane.priority);
        assert.equal(survivors.length, 0, `priority ${batch[0].lane.priority} ran before ${highest}`);
        for (const entry of batch) {
          assert.ok(waiting.delete(entry), 'an entry was taken twice');
          assert.ok(entry.deadline_us > 100, 'an expired entry was taken');
          entry.phase = 'running';
        }
      }
      assert.ok(expired.every((entry) => entry.deadline_us <= 100));
      assert.equal(queue.waiting, 0);
      assert.equal(queue.rows, 0);
    }),
  );
});

test('with a delay a row waits for company, but a full batch does not', () => {
  const queue = queueFor(4, { max_delay_ms: 2 });
  const one = { priority: 1, width: 1, rows: 1, deadline_us: Number.POSITIVE_INFINITY };
  assert.equal(queue.ready_us(), Number.POSITIVE_INFINITY);
  push(queue, one, 1000);
  assert.equal(queue.ready_us(), 3000);
  push(queue, { ...one, rows: 3 }, 1500);
  assert.equal(queue.ready_us(), 0);
});

test('lanes of shapes that nobody uses any more are dropped', () => {
  const queue = queueFor(8);
  for (let width = 1; width <= 1000; width++) {
    const entry = push(queue, { priority: 1, width, rows: 1, deadline_us: Number.POSITIVE_INFINITY }, width);
    entry.phase = 'done';
    entry.lane.left(entry);
  }
  assert.ok(queue.lanes <= 65, `${queue.lanes} lanes`);
});
