import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type HistoryEvent,
  type JoinedValue,
  type JoinRule,
  joinPointInTime,
  type SpineRow,
} from '../../../feature-cache/join/point-in-time.js';

/** Looks at every event for every row, by the words of the rule and no index. */
function slowly(row: SpineRow, history: readonly HistoryEvent<number>[], rule: JoinRule): JoinedValue<number> {
  const last = history
    .filter((event) => event.key === row.key && event.event_time_us <= row.time_us)
    .filter((event) => rule.cutoff === 'event' || event.known_time_us <= row.time_us)
    .sort((a, b) => a.event_time_us - b.event_time_us || a.seq - b.seq)
    .at(-1);
  if (last === undefined || last.value === undefined) return { status: 'missing' };
  const age_us = row.time_us - last.event_time_us;
  const fresh = rule.ttl_us === undefined || age_us <= rule.ttl_us;
  return { status: fresh ? 'fresh' : 'stale', value: last.value, age_us };
}

const key = fc.constantFrom('a', 'b', 'c');
const time_us = fc.integer({ min: 0, max: 30 });
const event = fc.record({
  key,
  event_time_us: time_us,
  known_time_us: time_us,
  seq: fc.nat(1000),
  value: fc.option(fc.integer(), { nil: undefined }),
});
const history = fc.uniqueArray(event, { selector: (one) => one.seq, maxLength: 40 });
const spine = fc.array(fc.record({ key, time_us }), { maxLength: 20 });
const rule = fc.record({
  cutoff: fc.constantFrom('known' as const, 'event' as const),
  ttl_us: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
});

test('a joined value is what looking at every event finds, however late or out of order they came', () => {
  fc.assert(
    fc.property(spine, history, rule, (rows, events, by) => {
      const expected = rows.map((row) => slowly(row, events, by));
      assert.deepEqual(joinPointInTime(rows, events, by), expected);
    }),
    { numRuns: 500 },
  );
});

const late = { key: 'a', event_time_us: 10, known_time_us: 20, seq: 1, value: 7 };
const known = { cutoff: 'known', ttl_us: undefined } as const;

test('what was not known then is not joined, unless the rule goes by event time alone', () => {
  const at = [{ key: 'a', time_us: 15 }];
  assert.deepEqual(joinPointInTime(at, [late], known), [{ status: 'missing' }]);
  const byEvent = joinPointInTime(at, [late], { cutoff: 'event', ttl_us: undefined });
  assert.deepEqual(byEvent, [{ status: 'fresh', value: 7, age_us: 5 }]);
});

test('a value is fresh up to its time to live and stale past it', () => {
  const at = [20, 21].map((moment_us) => ({ key: 'a', time_us: moment_us }));
  const joined = joinPointInTime(at, [late], { cutoff: 'known', ttl_us: 10 });
  assert.deepEqual(
    joined.map((one) => one.status),
    ['fresh', 'stale'],
  );
});

test('a deletion hides what came before it, and an older event that arrives after it brings nothing back', () => {
  const gone = { key: 'a', event_time_us: 12, known_time_us: 12, seq: 2, value: undefined };
  assert.deepEqual(joinPointInTime([{ key: 'a', time_us: 25 }], [late, gone], known), [{ status: 'missing' }]);
});
