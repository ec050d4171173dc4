import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeatureUpdate } from '../../../contract/feature-row.js';
import { fieldHistory, historyKey } from '../../../feature-cache/join/field-history.js';
import { joinPointInTime } from '../../../feature-cache/join/point-in-time.js';

function update(time_us: number, said: Pick<FeatureUpdate, 'values' | 'deleted'>): FeatureUpdate {
  const times = { event_time_us: time_us, ingest_time_us: time_us, sequence: time_us };
  return { key: ['AA', 7], source: 'push', ...times, ...said };
}

test('each field has the value and the age of the last update that named it', () => {
  const updates = [
    update(1, { values: { delay: 5, flights: 0 } }),
    update(2, { values: { flights: 3 } }),
    update(4, { values: { delay: null } }),
    update(6, { values: { delay: 8 } }),
    update(8, { deleted: true }),
  ];
  const spine = [3, 5, 7, 9].map((time_us) => ({ key: historyKey(['AA', '7']), time_us }));
  const rule = { cutoff: 'known', ttl_us: undefined } as const;
  const missing = { status: 'missing' };
  assert.deepEqual(joinPointInTime(spine, fieldHistory(updates, 'delay'), rule), [
    { status: 'fresh', value: 5, age_us: 2 },
    missing,
    { status: 'fresh', value: 8, age_us: 1 },
    missing,
  ]);
  assert.deepEqual(joinPointInTime(spine, fieldHistory(updates, 'flights'), rule), [
    { status: 'fresh', value: 3, age_us: 1 },
    { status: 'fresh', value: 3, age_us: 3 },
    { status: 'fresh', value: 3, age_us: 5 },
    missing,
  ]);
});

test('a field with the name of something every object has is not taken for named', () => {
  assert.deepEqual(fieldHistory([update(1, { values: { delay: 5 } })], 'constructor'), []);
});

test('parts of a key that only together read alike stay apart', () => {
  assert.notEqual(historyKey(['a', 'bc']), historyKey(['ab', 'c']));
});
