import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidegateError } from '../../../contract/error.js';
import type { FeatureUpdate, TableShape } from '../../../contract/feature-row.js';
import { murmur3 } from '../../../contract/murmur3.js';
import { MOST_EXAMINED } from '../../../feature-cache/store/clock-hand.js';
import { EntityKey, hashOfWords } from '../../../feature-cache/store/entity-key.js';
import { TableReader } from '../../../feature-cache/store/table-reader.js';
import { TableWriter } from '../../../feature-cache/store/table-writer.js';

const NUMBERS: TableShape = {
  name: 'numbers',
  fields: Array.from({ length: 32 }, (_, n) => ({ name: `f${n}`, type: 'float32' }) as const),
};
const DOUBLES: TableShape = {
  ...NUMBERS,
  fields: NUMBERS.fields.map(({ name }) => ({ name, type: 'float64' }) as const),
};

function update(key: string, at_us: number, values: FeatureUpdate['values']): FeatureUpdate {
  return {
    key: [key],
    event_time_us: at_us,
    ingest_time_us: at_us,
    sequence: at_us,
    source: 'stream',
    ...(values && { values }),
  };
}

function all(shape: TableShape, value: number): Record<string, number> {
  return Object.fromEntries(shape.fields.map(({ name }) => [name, value]));
}

for (const [shape, value_bytes] of [
  [NUMBERS, 4],
  [DOUBLES, 8],
] as const) {
  test(`an entity of 32 values of ${value_bytes} bytes takes less than twice its values and its key`, () => {
    const writer = new TableWriter(shape, { budget_bytes: 2 ** 26 });
    const count = 50_000;
    let key_bytes = 0;
    for (let n = 0; n < count; n++) {
      const key = `entity-${n}-of-many`;
      key_bytes += key.length;
      writer.apply(update(key, n, all(shape, n)), n);
    }
    const { committed_bytes, entities, evicted } = writer.stats;
    assert.deepEqual([entities, evicted], [count, 0]);
    assert.ok(
      committed_bytes <= 2 * (32 * value_bytes * count) + key_bytes,
      `${committed_bytes / count} bytes an entity`,
    );
  });
}

test('a full table stays within its budget, keeps the entities that are read, and evicts those that are not', () => {
  const writer = new TableWriter(NUMBERS, { budget_bytes: 2 ** 20 });
  const reader = new TableReader(writer.handle);
  for (let n = 0; n < 100; n++) writer.apply(update(`read-${n}`, n, all(NUMBERS, n)), n);
  for (let n = 0; n < 30_000; n++) {
    writer.apply(update(`burst-${n}`, n, all(NUMBERS, n)), n);
    if (n % 100 === 0) for (let r = 0; r < 100; r++) reader.read([`read-${r}`], n);
    assert.ok(writer.stats.committed_bytes <= 2 ** 20);
  }
  assert.ok(writer.stats.evicted > 20_000);
  for (let n = 0; n < 100; n++) assert.equal(reader.read([`read-${n}`], 30_000)['f0'].value, n);
  assert.equal(reader.read(['burst-29999'], 30_000)['f31'].value, 29_999);
  assert.equal(reader.read(['burst-0'], 30_000)['f31'].status, 'missing');
});

test('where every entity is being read a newcomer is refused, counted, and taken once the hand has gone round', () => {
  const writer = new TableWriter(NUMBERS, { budget_bytes: 2 ** 20 });
  const reader = new TableReader(writer.handle);
  let count = 0;
  while (writer.stats.evicted === 0) writer.apply(update(`e-${count}`, count, all(NUMBERS, ++count)), count);
  const { entities } = writer.stats;
  assert.ok(entities > MOST_EXAMINED);
  for (let n = 0; n <= count; n++) reader.read([`e-${n}`], count);
  const refusal = (error: unknown): boolean =>
    error instanceof TidegateError &&
    error.code === 'MEMORY_EXHAUSTED' &&
    /"numbers" fill their budget of 1048576 bytes/.test(error.message);
  assert.throws(() => writer.apply(update('new', count, all(NUMBERS, 1)), count), refusal);
  assert.equal(writer.stats.entities, entities);
  assert.equal(writer.stats.refused, 1);
  let tries = 1;
  while (writer.stats.refused === tries && tries < 20) {
    writer.applyAll([update('new', count, all(NUMBERS, 1))], count);
    tries++;
  }
  assert.equal(reader.read(['new'], count)['f0'].value, 1);
  assert.ok(tries < 20);
});

test('expired entities go first, though they are read', () => {
  const shape = { ...NUMBERS, ttl_us: 1000 };
  const writer = new TableWriter(shape, { budget_bytes: 2 ** 20 });
  const reader = new TableReader(writer.handle);
  let count = 0;
  while (writer.stats.evicted === 0) writer.apply(update(`old-${count}`, 0, all(NUMBERS, ++count)), 0);
  for (let n = 0; n < count; n++) reader.read([`old-${n}`], 2000);
  for (let n = 0; n < 1000; n++) writer.apply(update(`new-${n}`, 2000, all(NUMBERS, n)), 2000);
  assert.equal(writer.stats.refused, 0);
  for (let n = 0; n < 1000; n++) assert.equal(reader.read([`new-${n}`], 2000)['f0'].value, n);
});

test('a time to live holds to the microsecond at every read, of each field by itself', () => {
  const shape: TableShape = {
    name: 'ages',
    ttl_us: 1_000_000,
    fields: [
      { name: 'long', type: 'int32', ttl_us: 2_000_000, default: 0 },
      { name: 'short', type: 'int32' },
    ],
  };
  const writer = new TableWriter(shape, { budget_bytes: 2 ** 20 });
  const reader = new TableReader(writer.handle);
  writer.apply(update('e', 5, { long: 7, short: 8 }), 5);
  const seen = (now_us: number, allow_stale = false): unknown[] =>
    Object.values(reader.read(['e'], now_us, { allow_stale })).flatMap(({ value, status, age_us }) => [
      value,
      status,
      age_us,
    ]);
  assert.deepEqual(seen(1_000_005), [7, 'fresh', 1_000_000, 8, 'fresh', 1_000_000]);
  assert.deepEqual(seen(1_000_006), [7, 'fresh', 1_000_001, null, 'missing', 1_000_001]);
  assert.deepEqual(seen(2_000_006), [0, 'default', 2_000_001, null, 'missing', 2_000_001]);
  assert.deepEqual(seen(2_000_006, true), [7, 'stale', 2_000_001, 8, 'stale', 2_000_001]);
});

test('keys are hashed as contract/murmur3 hashes their bytes', () => {
  for (const text of ['', 'a', 'ab', 'abc', 'abcd', 'Zürich-12345', 'x'.repeat(1001)]) {
    const bytes = Buffer.from(text);
    const words = new Int32Array(Math.ceil(bytes.length / 4) + 1);
    new Uint8Array(words.buffer).set(bytes);
    assert.equal(hashOfWords(words, 0, bytes.length, 77), murmur3(bytes, 77));
    if (text === '') continue;
    const key = new EntityKey(77);
    key.set(text);
    assert.equal(key.hash, murmur3(bytes, 77));
    assert.equal(key.text(), text);
  }
});

test('an index that may not grow for want of budget goes on with newcomers in place of others, for ever', () => {
  const tiny: TableShape = { name: 'tiny', fields: [{ name: 'n', type: 'bool' }] };
  const writer = new TableWriter(tiny, { budget_bytes: 2 ** 20 });
  const reader = new TableReader(writer.handle);
  for (let n = 0; n < 200_000; n++) {
    writer.apply(update(`${n}`, n, { n: true }), n);
    if (n % 1000 !== 0) continue;
    assert.ok(writer.stats.committed_bytes <= 2 ** 20);
    for (let back = 0; back < 500 && back <= n; back++)
      assert.equal(reader.read([n - back], n)['n'].status, 'fresh', `${n - back} at ${n}`);
  }
  const { entities, evicted, refused } = writer.stats;
  assert.deepEqual([entities + evicted, refused], [200_000, 0]);
});
