import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FeatureUpdate, FeatureValue, TableShape } from '../../../contract/feature-row.js';
import { type ReadValue, TableReader } from '../../../feature-cache/store/table-reader.js';
import { TableWriter } from '../../../feature-cache/store/table-writer.js';

const BUDGET_BYTES = 16 * 1024 * 1024;
const NOW_US = 1_000_000;

const SHAPE: TableShape = {
  name: 'everything',
  fields: [
    { name: 'f32', type: 'float32' },
    { name: 'f64', type: 'float64' },
    { name: 'i32', type: 'int32', default: -1 },
    { name: 'flag', type: 'bool' },
    { name: 'i64', type: 'int64' },
    { name: 'at', type: 'timestamp' },
    { name: 'kind', type: 'category', default: 'none' },
    { name: 'note', type: 'string' },
    { name: 'other_flag', type: 'bool' },
    { name: 'embedding', type: 'vector', length: 3 },
  ],
};

const VALUES: Readonly<Record<string, fc.Arbitrary<FeatureValue>>> = {
  f32: fc.float({ noNaN: true, noDefaultInfinity: true }),
  f64: fc.double({ noNaN: true, noDefaultInfinity: true }),
  i32: fc.integer(),
  flag: fc.boolean(),
  i64: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.maxSafeInteger()),
  at: fc.maxSafeInteger(),
  kind: fc.constantFrom('', 'a', 'b', 'é', '😀'),
  note: fc.string({ unit: 'grapheme', maxLength: 40 }),
  other_flag: fc.boolean(),
  embedding: fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 }),
};

const aValue: fc.Arbitrary<readonly [string, FeatureValue | null]> = fc.oneof(
  ...Object.entries(VALUES).map(([name, value]) => fc.tuple(fc.constant(name), fc.option(value, { freq: 4 }))),
);
const someValues = fc.array(aValue, { minLength: 1, maxLength: 12 }).map((values) => Object.fromEntries(values));

/** Few keys, few times and few sequences, so that events meet. */
const anUpdate: fc.Arbitrary<FeatureUpdate> = fc
  .record({
    key: fc.tuple(fc.constantFrom('a', 'bb', 'Zürich', '12345678'), fc.integer({ min: 0, max: 2 })),
    event_time_us: fc.integer({ min: 0, max: 9 }),
    ingest_time_us: fc.integer({ min: 0, max: NOW_US }),
    sequence: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant(2 ** 52 + 1)),
    source: fc.constantFrom('stream' as const, 'push' as const),
    change: fc.option(someValues, { freq: 6 }),
  })
  .map(
    ({ change, ...update }): FeatureUpdate =>
      change === null ? { ...update, deleted: true } : { ...update, values: change },
  );

/** The obvious way: every event of an entity is kept, and the greatest that speaks of a field decides. */
class Model {
  readonly #events = new Map<string, FeatureUpdate[]>();

  apply(update: FeatureUpdate): void {
    const key = update.key.join('|');
    this.#events.set(key, [...(this.#events.get(key) ?? []), update]);
  }

  last(key: FeatureUpdate['key'], field: string): FeatureUpdate | undefined {
    const events = (this.#events.get(key.join('|')) ?? []).filter(
      ({ deleted, values }) => deleted === true || (values !== undefined && field in values),
    );
    const order = ({ event_time_us, sequence, source }: FeatureUpdate): number[] => [
      event_time_us,
      sequence,
      source === 'push' ? 2 : 1,
    ];
    let last: FeatureUpdate | undefined;
    for (const event of events) {
      if (last === undefined) last = event;
      const [one, other] = [order(event), order(last)];
      const at = one.findIndex((part, position) => part !== other[position]);
      // Of one event given twice with different values the first counts: whoever sends the same position twice means the same.
      if (at >= 0 && one[at] > other[at]) last = event;
    }
    return last;
  }
}

function stored(value: FeatureValue): FeatureValue {
  if (Array.isArray(value)) return Float32Array.from(value);
  if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) return Number(value);
  return value === 0 ? 0 : value;
}

function plain(read: ReadValue): FeatureValue | null {
  return read.value === 0 ? 0 : read.value;
}

function assertAsModel(model: Model, reader: TableReader, key: FeatureUpdate['key']): void {
  const read = reader.read(key, NOW_US);
  for (const { name, default: fallback } of SHAPE.fields) {
    const event = model.last(key, name);
    const value = event?.values?.[name] ?? null;
    if (value === null) {
      assert.equal(read[name].status, fallback === undefined ? 'missing' : 'default', name);
      assert.equal(read[name].value, fallback ?? null);
    } else {
      assert.equal(read[name].status, 'fresh', name);
      assert.deepEqual(plain(read[name]), stored(value), name);
    }
    assert.equal(read[name].event_time_us, event?.event_time_us ?? null);
    assert.equal(read[name].ingest_time_us, event?.ingest_time_us ?? null);
    assert.equal(read[name].sequence, event?.sequence ?? null);
    assert.equal(read[name].source, event?.source ?? null);
    assert.equal(read[name].age_us, event === undefined ? null : NOW_US - event.event_time_us);
  }
}

/** The same position with other values is no event that a stream can hold: only the first of such counts. */
function eachOnce(updates: readonly FeatureUpdate[]): FeatureUpdate[] {
  const seen = new Set<string>();
  return updates.filter(({ key, event_time_us, sequence, source }) => {
    const name = [...key, event_time_us, sequence, source].join('|');
    return !seen.has(name) && seen.add(name).size > 0;
  });
}

test('a table holds of each field what the greatest event said of it, with its times, for every type', () => {
  fc.assert(
    fc.property(fc.array(anUpdate, { minLength: 1, maxLength: 40 }), (updates) => {
      const writer = new TableWriter(SHAPE, { budget_bytes: BUDGET_BYTES });
      const reader = new TableReader(writer.handle);
      const model = new Model();
      for (const update of eachOnce(updates)) {
        writer.apply(update, NOW_US);
        model.apply(update);
        assertAsModel(model, reader, update.key);
      }
      for (const { key } of updates) assertAsModel(model, reader, key);
      assertAsModel(model, reader, ['never', 'seen']);
      assert.equal(writer.stats.entities, new Set(updates.map(({ key }) => key.join('|'))).size);
    }),
    { numRuns: 300 },
  );
});

test('every order of arrival, with repetitions, ends in the same row', () => {
  const orders = fc
    .array(anUpdate, { minLength: 1, maxLength: 15 })
    .map(eachOnce)
    .chain((updates) =>
      fc.tuple(fc.constant(updates), fc.shuffledSubarray([...updates, ...updates], { minLength: updates.length * 2 })),
    );
  fc.assert(
    fc.property(orders, ([updates, shuffled]) => {
      const results = [updates, shuffled].map((order) => {
        const writer = new TableWriter(SHAPE, { budget_bytes: BUDGET_BYTES });
        for (const update of order) writer.apply(update, NOW_US);
        const reader = new TableReader(writer.handle);
        return updates.map(({ key }) => reader.read(key, NOW_US));
      });
      assert.deepEqual(results[0], results[1]);
    }),
    { numRuns: 200 },
  );
});

test('readers attached before find every key while the index and the memory grow', () => {
  const writer = new TableWriter(
    { name: 'many', fields: [{ name: 'n', type: 'int32' }] },
    { budget_bytes: BUDGET_BYTES },
  );
  const reader = new TableReader(writer.handle);
  for (let n = 0; n < 20_000; n++) {
    const at = { event_time_us: n, ingest_time_us: n, sequence: n, source: 'stream' } as const;
    assert.equal(writer.apply({ key: [`entity-${n}`], values: { n }, ...at }, NOW_US), true);
    const some = n - (n % 97);
    assert.equal(reader.read([`entity-${some}`], NOW_US)['n'].value, some);
  }
  for (let n = 0; n < 20_000; n++) assert.equal(reader.read([`entity-${n}`], NOW_US)['n'].value, n);
  assert.equal(reader.read(['entity-20000'], NOW_US)['n'].status, 'missing');
  assert.equal(writer.stats.evicted, 0);
});
