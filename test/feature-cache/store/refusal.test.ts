import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidegateError } from '../../../contract/error.js';
import type { FeatureUpdate, TableShape } from '../../../contract/feature-row.js';
import { rowLayout } from '../../../feature-cache/store/row-layout.js';
import { TableReader } from '../../../feature-cache/store/table-reader.js';
import { TableWriter } from '../../../feature-cache/store/table-writer.js';

const NOW_US = 1_700_000_000_000_000;
const SHAPE: TableShape = {
  name: 'carriers',
  fields: [
    { name: 'delay_mean', type: 'float32' },
    { name: 'flights', type: 'int32' },
    { name: 'cancelled', type: 'bool' },
    { name: 'total', type: 'int64' },
    { name: 'seen_at', type: 'timestamp' },
    { name: 'hub', type: 'category' },
    { name: 'note', type: 'string' },
    { name: 'embedding', type: 'vector', length: 2 },
  ],
};
const GOOD: FeatureUpdate = {
  key: ['AA'],
  event_time_us: NOW_US - 5,
  ingest_time_us: NOW_US,
  sequence: 1,
  source: 'push',
  values: { delay_mean: 1.5, note: 'first' },
};

/** From JSON, as what a caller sends: types promise nothing there. */
function parsed(json: string): FeatureUpdate {
  return JSON.parse(json);
}

const WITH = (values: string): FeatureUpdate => ({
  ...GOOD,
  sequence: 2,
  event_time_us: NOW_US,
  values: JSON.parse(values),
});

const REFUSED: readonly (readonly [string, FeatureUpdate, RegExp])[] = [
  [
    'a text for a number',
    WITH('{"flights":3,"delay_mean":"late"}'),
    /"delay_mean" is float32 and got "late": give a finite/,
  ],
  ['NaN', { ...GOOD, values: { flights: 3, delay_mean: Number.NaN } }, /"delay_mean" is float32 and got NaN/],
  ['a number beyond float32', WITH('{"delay_mean":1e39}'), /got 1e\+39: give a finite number within float32/],
  ['a fraction for an int32', WITH('{"flights":1.5}'), /"flights" is int32 and got 1\.5/],
  ['a number beyond int32', WITH('{"flights":2147483648}'), /got 2147483648: give a whole number from -2147483648/],
  ['a number for a bool', WITH('{"cancelled":1}'), /"cancelled" is bool and got 1: give true or false/],
  ['an int64 that a number cannot hold', WITH('{"total":9007199254740993}'), /one beyond 2\^53 as a bigint/],
  ['a bigint beyond 64 bits', { ...GOOD, values: { total: 2n ** 63n } }, /got 9223372036854775808/],
  ['a fraction of a microsecond', WITH('{"seen_at":0.5}'), /"seen_at" is timestamp and got 0\.5/],
  [
    'a huge string',
    { ...GOOD, values: { note: 'x'.repeat(20_000) } },
    /a text of 20000 characters, "x{20}…": give .*16384 bytes/,
  ],
  ['a string whose UTF-8 is too long', { ...GOOD, values: { note: 'é'.repeat(9000) } }, /a text of 9000 characters/],
  ['half of a character', { ...GOOD, values: { hub: '\ud800' } }, /"hub" is category/],
  [
    'a vector of another length',
    WITH('{"embedding":[1,2,3]}'),
    /"embedding" is vector and got a list of 3: give a list of 2/,
  ],
  ['a vector with a hole', WITH('{"embedding":[1,null]}'), /a list of 2, with null at 1/],
  ['a list for a number', WITH('{"flights":[1]}'), /"flights" is int32 and got a list of 1/],
  ['an object for a number', WITH('{"flights":{}}'), /got an object/],
  ['an unknown feature', WITH('{"delay_men":1}'), /no feature "delay_men" \(did you mean "delay_mean"\?\)/],
  ['a name of all objects', WITH('{"__proto__":1}'), /no feature "__proto__"/],
  ['no values', WITH('{}'), /has no values/],
  ['a deletion with values', { ...GOOD, deleted: true }, /deletes the entity and has values/],
  ['values in a list', parsed(JSON.stringify({ ...GOOD, values: [1] })), /has no values by name/],
  ['values that are null', parsed(JSON.stringify({ ...GOOD, values: null })), /has no values: name/],
  ['no object', parsed('null'), /an update is an object with a key/],
  [
    'a text for the list of key parts',
    parsed(JSON.stringify({ ...GOOD, key: 'AA' })),
    /key is not a list of its parts/,
  ],
  ['a missing key part', { ...GOOD, key: ['AA', ''] }, /key has no part 2/],
  ['no key', { ...GOOD, key: [] }, /key has no parts/],
  ['a key part that is null', parsed(JSON.stringify({ ...GOOD, key: [null] })), /key has the value null as its part 1/],
  ['a fraction as key', { ...GOOD, key: [1.5] }, /key has the value 1\.5 as its part 1/],
  ['a huge key', { ...GOOD, key: ['k'.repeat(2000)] }, /key is longer than 1024 bytes/],
  ['a key with a zero byte', { ...GOOD, key: ['a\0b'] }, /zero byte in part 1/],
  [
    'an event an hour ahead',
    { ...GOOD, event_time_us: NOW_US + 3.6e9 },
    /3600\.000 s ahead of this node's clock, and at most 60 s/,
  ],
  [
    'an event time that is no number',
    parsed(JSON.stringify({ ...GOOD, event_time_us: '2026' })),
    /event time 2026 is not/,
  ],
  ['a negative sequence', { ...GOOD, sequence: -1 }, /sequence -1 is not/],
  [
    'an unknown source',
    parsed(JSON.stringify({ ...GOOD, source: 'rumour' })),
    /source "rumour" is none of unknown, stream/,
  ],
];

for (const [name, update, message] of REFUSED) {
  test(`${name} is refused with its reason, and nothing of the update is applied`, () => {
    const writer = new TableWriter(SHAPE, { budget_bytes: 2 ** 20 });
    const reader = new TableReader(writer.handle);
    writer.apply(GOOD, NOW_US);
    const before = reader.read(['AA'], NOW_US);
    assert.throws(
      () => writer.apply(update, NOW_US),
      (error) => error instanceof TidegateError && error.code === 'INVALID_VALUE' && message.test(error.message),
    );
    assert.deepEqual(reader.read(['AA'], NOW_US), before);
    assert.equal(writer.stats.entities, 1);
    assert.equal(writer.stats.refused, 1);
  });
}

test('of a batch, each bad update is named by its position, and the others are applied', () => {
  const writer = new TableWriter(SHAPE, { budget_bytes: 2 ** 20 });
  const bad = { ...GOOD, key: ['BB'], values: { delay_mean: Number.POSITIVE_INFINITY } };
  const refused = writer.applyAll([GOOD, bad, { ...GOOD, key: ['CC'] }, { ...GOOD, key: [''] }], NOW_US);
  assert.deepEqual(
    refused.map(({ position, error }) => [position, error.code]),
    [
      [1, 'INVALID_VALUE'],
      [3, 'INVALID_VALUE'],
    ],
  );
  assert.equal(writer.stats.entities, 2);
  assert.equal(new TableReader(writer.handle).read(['BB'], NOW_US)['delay_mean'].status, 'missing');
});

test('one category more than the most is refused, and known ones still are taken', () => {
  const writer = new TableWriter(SHAPE, { budget_bytes: 2 ** 20, most_categories: 2 });
  const update = (sequence: number, hub: string): FeatureUpdate => ({ ...GOOD, sequence, values: { hub, note: 'n' } });
  writer.apply(update(1, 'DFW'), NOW_US);
  writer.apply(update(2, 'ORD'), NOW_US);
  assert.throws(
    () => writer.apply(update(3, 'JFK'), NOW_US),
    /have 2 categories, which is the most: make the field a string/,
  );
  writer.apply(update(4, 'DFW'), NOW_US);
  assert.equal(new TableReader(writer.handle).read(['AA'], NOW_US)['hub'].value, 'DFW');
});

test('keys that differ only in how they are spelt are one entity, and parts do not run into each other', () => {
  const writer = new TableWriter(SHAPE, { budget_bytes: 2 ** 20 });
  const reader = new TableReader(writer.handle);
  for (const key of [[42], ['42'], [42n]]) writer.apply({ ...GOOD, key }, NOW_US);
  assert.equal(writer.stats.entities, 1);
  writer.apply({ ...GOOD, key: ['a', 'bc'] }, NOW_US);
  assert.equal(reader.read(['ab', 'c'], NOW_US)['note'].status, 'missing');
  assert.equal(reader.read(['a', 'bc'], NOW_US)['note'].value, 'first');
});

test('a definition that no row can have is refused by name', () => {
  const field = { name: 'n', type: 'int32' } as const;
  assert.throws(() => rowLayout({ name: 'v', fields: [] }), /"v": 0 fields: a view has 1 to 255/);
  assert.throws(() => rowLayout({ name: 'v', fields: [field, field] }), /field "n" is there twice/);
  assert.throws(() => rowLayout({ name: 'v', fields: [{ name: 'e', type: 'vector' }] }), /a vector has a length/);
  assert.throws(() => rowLayout({ name: 'v', fields: [{ ...field, length: 2 }] }), /nothing else has/);
  assert.throws(
    () => rowLayout({ name: 'v', fields: [{ name: 'e', type: 'vector', length: 0 }] }),
    /give a length of 1/,
  );
  assert.throws(() => rowLayout({ name: 'v', fields: [field], ttl_us: 0 }), /the view has a time to live of 0/);
  assert.throws(
    () => new TableWriter({ name: 'v', fields: [field] }, { budget_bytes: 1000 }),
    /a budget of 1000 bytes/,
  );
});
