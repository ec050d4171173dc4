import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AggregatedEvent,
  type Aggregates,
  WindowedAggregate,
  type WindowSpec,
} from '../../../feature-cache/aggregation/windowed-aggregate.js';

const MINUTE_US = 60e6;
const START_US = Date.parse('2026-01-02T00:00:00Z') * 1000;

/** The obvious way: every event that ever came, looked at anew. */
function reference(
  events: readonly AggregatedEvent[],
  { window_us, tile_us, kind }: WindowSpec,
  now_us: number,
): Aggregates {
  const end_us =
    kind === 'sliding' ? (Math.floor(now_us / tile_us) + 1) * tile_us : Math.floor(now_us / window_us) * window_us;
  const inside = events.filter(({ event_time_us }) => event_time_us >= end_us - window_us && event_time_us < end_us);
  const values = inside.map(({ value }) => value);
  const last = inside.toSorted((a, b) => a.event_time_us - b.event_time_us || a.sequence - b.sequence).at(-1);
  const sum = values.reduce((total, value) => total + value, 0);
  const isEmpty = values.length === 0;
  return {
    count: values.length,
    sum,
    mean: isEmpty ? null : sum / values.length,
    min: isEmpty ? null : Math.min(...values),
    max: isEmpty ? null : Math.max(...values),
    last: last?.value ?? null,
    distinct: new Set(inside.flatMap(({ text }) => text ?? [])).size,
  };
}

const specs = fc.record({
  tile_us: fc.constantFrom(MINUTE_US, 5 * MINUTE_US),
  tiles: fc.integer({ min: 1, max: 12 }),
  kind: fc.constantFrom('sliding' as const, 'tumbling' as const),
});

/** How long after the one before an event arrives, how late it is by then, and what it says. */
const arrivals = fc.array(
  fc.record({
    after_s: fc.integer({ min: 0, max: 400 }),
    late_s: fc.integer({ min: 0, max: 900 }),
    value: fc.integer({ min: -1000, max: 1000 }),
    text: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { nil: undefined }),
  }),
  { maxLength: 80 },
);

test('every window equals the obvious reference after every event, late ones among them, and saved in between', () => {
  fc.assert(
    fc.property(specs, arrivals, ({ tile_us, tiles, kind }, list) => {
      const spec: WindowSpec = { window_us: tile_us * tiles, tile_us, kind };
      let aggregate = new WindowedAggregate(spec);
      const events: AggregatedEvent[] = [];
      let now_us = START_US;
      list.forEach(({ after_s, late_s, value, text }, sequence) => {
        now_us += after_s * 1e6;
        const event = {
          event_time_us: now_us - late_s * 1e6,
          sequence,
          value,
          ...(text === undefined ? {} : { text }),
        };
        aggregate.add(event, now_us);
        events.push(event);
        assert.deepEqual(aggregate.read(now_us), reference(events, spec, now_us));
        assert.ok(aggregate.tiles <= 2 * tiles + 1, 'memory is bounded by the tiles of a window');
        const restored = new WindowedAggregate(spec);
        restored.restore(JSON.parse(JSON.stringify(aggregate.state)));
        aggregate = restored;
      });
      const later_us = now_us + spec.window_us * 3;
      assert.equal(aggregate.read(later_us).count, 0);
      aggregate.forget(later_us);
      assert.equal(aggregate.tiles, 0);
    }),
    { numRuns: 300 },
  );
});

test('what cannot be is refused with what could be', () => {
  const make = (window_us: number, tile_us: number) => () =>
    new WindowedAggregate({ window_us, tile_us, kind: 'sliding' });
  assert.throws(make(30e6, 1e6), /a window of 30 s cannot be: give one from 1 minute to 30 days/);
  assert.throws(make(31 * 86_400e6, 3600e6), /cannot be/);
  assert.throws(make(MINUTE_US, 7e6), /no whole number of tiles of 7 s/);
  assert.throws(make(30 * 86_400e6, 1e6), /from 1 to 2880/);
  const aggregate = new WindowedAggregate({ window_us: MINUTE_US, tile_us: 1e6, kind: 'sliding' });
  assert.throws(
    () => aggregate.add({ event_time_us: START_US, sequence: 1, value: Number.NaN }, START_US),
    /a value of NaN cannot be aggregated/,
  );
});
