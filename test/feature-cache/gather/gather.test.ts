import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FeatureUpdate, READ_STATUSES, type TableShape } from '../../../contract/feature-row.js';
import { Gather, gatherNotes } from '../../../feature-cache/gather/gather.js';
import { TableReader } from '../../../feature-cache/store/table-reader.js';
import { TableWriter } from '../../../feature-cache/store/table-writer.js';

const SHAPE: TableShape = {
  name: 'carriers',
  ttl_us: 1000,
  fields: [
    { name: 'mean', type: 'float32', default: 0.5 },
    { name: 'sum', type: 'float64' },
    { name: 'count', type: 'int32', default: 3 },
    { name: 'total', type: 'int64', default: -1n },
    { name: 'late', type: 'bool', default: true },
    { name: 'seen_at', type: 'timestamp', ttl_us: 5000 },
    { name: 'hub', type: 'category', default: 'none' },
    { name: 'note', type: 'string' },
    { name: 'embedding', type: 'vector', length: 3, default: [1, 2, 3] },
    { name: 'other', type: 'vector', length: 2 },
  ],
};

/** One of each kind of target, two of them sharing a tensor of [keys, 5] beside a vector. */
function targetsFor(keys: number) {
  const matrix = new Float32Array(keys * 5);
  const sum = new Float64Array(keys);
  const count = new Int32Array(keys);
  const total = new BigInt64Array(keys);
  const late = new Uint8Array(keys);
  const seen_at = new BigInt64Array(keys);
  const hub: string[] = [];
  const note: string[] = [];
  const other = new Float64Array(keys * 2);
  const targets = [
    { feature: 'mean', array: matrix, offset: 0, stride: 5 },
    { feature: 'embedding', array: matrix, offset: 1, stride: 5 },
    { feature: 'total', array: matrix, offset: 4, stride: 5 },
    { feature: 'sum', array: sum, offset: 0, stride: 1 },
    { feature: 'count', array: count, offset: 0, stride: 1 },
    { feature: 'total', array: total, offset: 0, stride: 1 },
    { feature: 'late', array: late, offset: 0, stride: 1 },
    { feature: 'seen_at', array: seen_at, offset: 0, stride: 1 },
    { feature: 'hub', array: hub, offset: 0, stride: 1 },
    { feature: 'note', array: note, offset: 0, stride: 1 },
    { feature: 'other', array: other, offset: 0, stride: 2 },
  ];
  /** What the tensors hold for a key, in the order of the targets. */
  const at = (k: number): unknown[] => [
    matrix[k * 5],
    matrix.slice(k * 5 + 1, k * 5 + 4),
    matrix[k * 5 + 4],
    sum[k],
    count[k],
    total[k],
    late[k],
    seen_at[k],
    hub[k],
    note[k],
    Float32Array.from(other.slice(k * 2, k * 2 + 2)),
  ];
  return { targets, at };
}

/** What a tensor holds of a value that a reader gives, or of none. */
const HELD: Readonly<Record<string, (value: unknown) => unknown>> = {
  mean: (value) => value ?? Number.NaN,
  sum: (value) => value ?? Number.NaN,
  count: (value) => value ?? 0,
  late: (value) => Number(value),
  seen_at: (value) => BigInt(typeof value === 'number' ? value : 0),
  hub: (value) => value,
  note: (value) => value ?? '',
  embedding: (value) => (Array.isArray(value) ? Float32Array.from(value) : value),
  other: (value) => value ?? new Float32Array(2).fill(Number.NaN),
};

const float = fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value));
const anUpdate: fc.Arbitrary<FeatureUpdate> = fc
  .record({
    key: fc.tuple(fc.integer({ min: 0, max: 7 })),
    event_time_us: fc.integer({ min: 0, max: 8000 }),
    sequence: fc.nat({ max: 1e6 }),
    source: fc.constantFrom('stream' as const, 'backfill' as const),
    part: fc.constantFrom('numbers', 'texts', 'taken', 'deleted'),
    numbers: fc.record({
      mean: float,
      sum: float,
      count: fc.integer(),
      total: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      late: fc.boolean(),
      seen_at: fc.maxSafeInteger(),
    }),
    texts: fc.record({
      hub: fc.constantFrom('DFW', 'ZÜR'),
      note: fc.string({ maxLength: 20 }),
      embedding: fc.tuple(float, float, float),
      other: fc.tuple(float, float),
    }),
  })
  .map(({ part, numbers, texts, ...rest }): FeatureUpdate => {
    const at = { ...rest, ingest_time_us: rest.event_time_us };
    if (part === 'deleted') return { ...at, deleted: true };
    if (part === 'taken') return { ...at, values: { mean: null, hub: null, late: null } };
    return { ...at, values: part === 'numbers' ? numbers : texts };
  });

test('gathered tensors hold what single reads say, with the same status, age and source, stale or not', () => {
  const script = fc.array(anUpdate, { maxLength: 30 });
  fc.assert(
    fc.property(script, fc.integer({ min: 8000, max: 13_000 }), fc.boolean(), (updates, now_us, allow_stale) => {
      const writer = new TableWriter(SHAPE, { budget_bytes: 2 ** 22 });
      for (const update of updates) writer.apply(update, 8000);
      const reader = new TableReader(writer.handle);
      const keys = Array.from({ length: 10 }, (_, key) => (key % 2 === 0 ? key : [`${key}`]));
      const { targets, at } = targetsFor(keys.length);
      const gather = new Gather(writer.handle, targets, { allow_stale });
      const notes = gatherNotes(keys.length, targets.length);
      gather.gather(keys, now_us, notes);
      for (let k = 0; k < keys.length; k++) {
        const read = reader.read([k], now_us, { allow_stale });
        const held = at(k);
        for (const [t, { feature }] of targets.entries()) {
          const { value, status, age_us, source } = read[feature];
          const note = k * targets.length + t;
          assert.equal(READ_STATUSES[notes.status[note]], status, feature);
          assert.deepEqual(notes.age_us[note], age_us ?? Number.NaN);
          assert.equal(notes.source[note], source === 'stream' ? 1 : source === 'backfill' ? 3 : 0);
          if (feature !== 'total') assert.deepEqual(held[t], HELD[feature](value), feature);
        }
        const whole = read['total'].value;
        assert.ok(typeof whole === 'number' || typeof whole === 'bigint');
        const total = BigInt(whole);
        assert.deepEqual([held[2], held[5]], [Math.fround(Number(total)), total]);
      }
    }),
    { numRuns: 300 },
  );
});

test('a plan that cannot hold its features is refused when it is made, and too many keys when they come', () => {
  const { handle } = new TableWriter(SHAPE, { budget_bytes: 2 ** 22 });
  const make = (feature: string, array: Float32Array | Int32Array | string[], stride = 1): Gather =>
    new Gather(handle, [{ feature, array, offset: 0, stride }]);
  assert.throws(() => make('meen', new Float32Array(1)), /there is no feature "meen"/);
  assert.throws(
    () => make('sum', new Int32Array(1)),
    /"sum" is float64 and cannot be gathered into Int32Array: use one of Float32Array/,
  );
  assert.throws(
    () => make('hub', new Float32Array(1)),
    /"hub" is category and cannot be gathered into Float32Array: use one of Array/,
  );
  assert.throws(() => make('embedding', new Float32Array(9), 2), /stride of 2: its values would overlap/);
  const gather = make('embedding', new Float32Array(8), 3);
  gather.gather([1, 2], 0, gatherNotes(2, 1));
  assert.throws(() => gather.gather([1, 2, 3], 0, gatherNotes(3, 1)), /3 keys, and room for 2/);
  assert.throws(() => gather.gather([1, 2], 0, gatherNotes(1, 1)), /2 keys, and room for 1/);
});

test('runs of numbers beside each other are gathered as one by one, whether rows are whole, in parts, or too old', () => {
  const count = 70;
  const fields = Array.from({ length: count }, (_, n) => ({
    name: `f${n}`,
    type: n === 20 ? ('float64' as const) : ('float32' as const),
  }));
  const shape: TableShape = {
    name: 'long',
    fields: fields.map((field, n) => (n === 40 ? { ...field, ttl_us: 10 } : field)),
    ttl_us: 100,
  };
  const values = (n: number, every: number): Record<string, number> =>
    Object.fromEntries(
      fields.filter((_, position) => position % every === 0).map(({ name }, position) => [name, n + position]),
    );
  const writer = new TableWriter(shape, { budget_bytes: 2 ** 22 });
  const reader = new TableReader(writer.handle);
  const at = (time_us: number) => ({
    event_time_us: time_us,
    ingest_time_us: time_us,
    sequence: time_us,
    source: 'push' as const,
  });
  writer.apply({ key: ['whole'], ...at(100), values: values(1000, 1) }, 200);
  writer.apply({ key: ['half'], ...at(100), values: values(2000, 2) }, 200);
  writer.apply({ key: ['parts'], ...at(50), values: values(3000, 1) }, 200);
  writer.apply({ key: ['parts'], ...at(120), values: values(4000, 3) }, 200);
  writer.apply({ key: ['taken'], ...at(100), values: values(5000, 1) }, 200);
  writer.apply({ key: ['taken'], ...at(101), values: { ...values(6000, 1), f33: null } }, 200);
  const keys = ['whole', 'half', 'nobody', 'parts', 'taken'];
  const tensor = new Float32Array(keys.length * count);
  // Two neighbours have changed places, which divides their run.
  const order = fields.map((_, n) => (n === 50 ? 51 : n === 51 ? 50 : n));
  const targets = order.map((n, offset) => ({ feature: `f${n}`, array: tensor, offset, stride: count }));
  const gather = new Gather(writer.handle, targets);
  assert.ok(gather.plan.runs.length > 3 && gather.plan.runs.length < 10, `${gather.plan.runs.length} runs`);
  const notes = gatherNotes(keys.length, count);
  for (const now_us of [105, 111, 155, 205, 300]) {
    gather.gather(keys, now_us, notes);
    for (const [k, key] of keys.entries()) {
      const read = reader.read([key], now_us);
      for (const [t, n] of order.entries()) {
        const { value, status, age_us, source } = read[`f${n}`];
        const note = k * count + t;
        const seen = [tensor[note], READ_STATUSES[notes.status[note]], notes.age_us[note], notes.source[note]];
        assert.deepEqual(
          seen,
          [value ?? Number.NaN, status, age_us ?? Number.NaN, source === null ? 0 : 2],
          `${key} f${n} at ${now_us}`,
        );
      }
    }
  }
});

test('gathering numbers allocates nothing that grows with keys or features', () => {
  const shape: TableShape = {
    name: 'numbers',
    fields: Array.from({ length: 32 }, (_, n) => ({
      name: `f${n}`,
      type: n % 4 === 0 ? ('int64' as const) : ('float32' as const),
    })),
  };
  const writer = new TableWriter(shape, { budget_bytes: 2 ** 22 });
  const at = (time_us: number) => ({ event_time_us: time_us, ingest_time_us: 0, sequence: 0, source: 'push' as const });
  const keys = Array.from({ length: 64 }, (_, k) => `entity-${k}`);
  for (const key of keys) {
    writer.apply({ key: [key], ...at(1), values: Object.fromEntries(shape.fields.map(({ name }) => [name, 1])) }, 9);
    writer.apply({ key: [key], ...at(2), values: { f3: 1 } }, 9);
  }
  const tensor = new Float32Array(64 * 32);
  const gather = new Gather(
    writer.handle,
    shape.fields.map(({ name }, offset) => ({ feature: name, array: tensor, offset, stride: 32 })),
  );
  const notes = gatherNotes(64, 32);
  const many = (count: number): void => {
    for (let i = 0; i < count; i++) gather.gather(keys, 9, notes);
  };
  many(5000);
  const before_bytes = process.memoryUsage().heapUsed;
  many(2000);
  const each_bytes = (process.memoryUsage().heapUsed - before_bytes) / 2000;
  // One object a key would be 1,000 bytes, one number a value 24,000.
  assert.ok(each_bytes < 500, `${each_bytes} bytes for each of 2,000`);
});
