import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FeatureViewSpecSchema } from '../../../contract/feature-view.js';
import { updateOfRow } from '../../../feature-cache/definition/update-row.js';
import { viewShape } from '../../../feature-cache/definition/view-shape.js';
import { TableReader } from '../../../feature-cache/store/table-reader.js';
import { TableWriter } from '../../../feature-cache/store/table-writer.js';

const NOW_US = Date.parse('2026-01-02T00:00:00Z') * 1000;
const CONTEXT = { ingest_time_us: NOW_US, sequence: 1, source: 'push' as const };
const SPEC = FeatureViewSpecSchema.parse({
  entities: ['carrier', 'airport'],
  features: [
    { name: 'delay_mean', type: 'float64' },
    { name: 'flights', type: 'int64' },
    { name: 'is_hub', type: 'bool' },
    { name: 'city', type: 'string' },
    { name: 'seen', type: 'timestamp' },
    { name: 'profile', type: 'vector[3]' },
  ],
  ttl: '24h',
});
const KEY = { carrier: 'AA', airport: 'JFK' };
const update = (row: unknown) => updateOfRow('delays', SPEC, row, CONTEXT);

test('a row becomes an event of its entity: what is not named stays, null takes away, deleted takes all', () => {
  assert.deepEqual(update({ ...KEY, event_time: '2026-01-01T00:00:00Z', delay_mean: 4.5, city: null }), {
    ...CONTEXT,
    key: ['AA', 'JFK'],
    event_time_us: Date.parse('2026-01-01T00:00:00Z') * 1000,
    values: { delay_mean: 4.5, city: null },
  });
  assert.deepEqual(update({ ...KEY, deleted: true }), {
    ...CONTEXT,
    key: ['AA', 'JFK'],
    event_time_us: NOW_US,
    deleted: true,
  });
  assert.deepEqual(update({ ...KEY, flights: '9007199254740993' }).values, { flights: 9007199254740993n });
});

const WRONG: readonly (readonly [what: string, row: unknown, message: RegExp])[] = [
  ['a list', [], /a row is an object with the key and features, not \[\]/],
  [
    'a part of the key that is missing',
    { carrier: 'AA', delay_mean: 1 },
    /has no 'airport', which is a part of the key/,
  ],
  [
    'a key that is no text',
    { ...KEY, carrier: {}, delay_mean: 1 },
    /'carrier' is \{\}, and should be a text or a whole number/,
  ],
  ['an unknown feature', { ...KEY, delay_maen: 1 }, /has no feature 'delay_maen', did you mean 'delay_mean'\?/],
  ['a feature of an object’s own', { ...KEY, constructor: 1 }, /has no feature 'constructor'/],
  ['another type', { ...KEY, is_hub: 1 }, /'is_hub' is 1, and should be bool/],
  ['a text for a number', { ...KEY, delay_mean: '4.5' }, /'delay_mean' is "4\.5", and should be float64/],
  ['a vector of texts', { ...KEY, profile: ['a'] }, /'profile' is \["a"\], and should be vector\[3\]/],
  [
    'a time that is none',
    { ...KEY, event_time: 'yesterday', flights: 1 },
    /'event_time' is "yesterday", and should be a time like/,
  ],
  ['nothing but a key', KEY, /the row of AA\/JFK has no feature/],
  ['both', { ...KEY, deleted: true, flights: 1 }, /is deleted and has values/],
];

for (const [what, row, message] of WRONG) {
  test(`${what} is refused with what was wrong`, () => {
    assert.throws(() => update(row), message);
  });
}

test('whatever a row says, the table that takes it gives back', () => {
  const values = fc.record(
    {
      delay_mean: fc.double({ noNaN: true, noDefaultInfinity: true }),
      flights: fc.maxSafeInteger(),
      is_hub: fc.boolean(),
      city: fc
        .string({ unit: 'grapheme', maxLength: 40 })
        .filter((text) => text.isWellFormed() && !text.includes('\0')),
      seen: fc.integer({ min: 0, max: 2 ** 50 }),
      profile: fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 3, maxLength: 3 }),
    },
    { requiredKeys: ['flights'] },
  );
  const writer = new TableWriter(viewShape('delays', SPEC), { budget_bytes: 4 * 1024 * 1024 });
  const reader = new TableReader(writer.handle);
  let entity = 0;
  fc.assert(
    fc.property(values, (given) => {
      entity++;
      const row = JSON.parse(JSON.stringify({ carrier: `c${entity}`, airport: 'JFK', ...given }));
      writer.apply(update(row), NOW_US);
      const read = reader.read([`c${entity}`, 'JFK'], NOW_US);
      for (const [name, value] of Object.entries(given)) {
        const found = read[name];
        assert.equal(found.status, 'fresh');
        const plain = found.value instanceof Float32Array ? [...found.value] : found.value;
        assert.deepEqual(plain, Object.is(value, -0) ? 0 : value, name);
      }
    }),
    { numRuns: 200 },
  );
});
