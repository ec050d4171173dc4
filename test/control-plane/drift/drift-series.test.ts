import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { binCount, type FeatureBins } from '../../../contract/bin-spec.js';
import { bucketsOf } from '../../../control-plane/drift/drift-series.js';
import { measureBinned, valuesOf } from '../../../control-plane/drift/statistics/binned.js';
import { isMeasured, type Measure } from '../../../control-plane/drift/statistics/measurement.js';
import { FIRST_HOUR, iso, open } from './logged-model.js';

const ReportSchema = z.object({
  features: z.array(
    z.object({
      feature: z.string(),
      measure: z.string(),
      measures: z.record(z.string(), z.object({ value: z.number().optional() })),
    }),
  ),
  series: z
    .object({
      bucket: z.string(),
      from: z.array(z.string()),
      values: z.record(z.string(), z.array(z.number().nullable())),
    })
    .optional(),
});

test('a series has for each hour what a question for that hour answers, and nothing for an empty one', async (t) => {
  const { log, ask } = await open(t, { 1: ['x'] });
  await log({ hour: 0, version: 1, num: (random) => [random()] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  await log({ hour: 1, version: 1, num: (random) => [0.4 + random()] });
  await log({ hour: 2, version: 1, num: (random) => [random()] });
  const asked = async (query: string) => ReportSchema.parse((await ask(`drift?${query}`)).body);
  const { series } = await asked(`from=${iso(0)}&to=${iso(4)}&bucket=hour`);
  assert.deepEqual(series?.from, [iso(0), iso(1), iso(2), iso(3)]);
  const [same, moved, calm, empty] = series?.values['x'] ?? [];
  assert.equal(same, 0);
  assert.equal(empty, null);
  for (const [hour, value] of [
    [1, moved],
    [2, calm],
  ] as const) {
    const [{ measure, measures }] = (await asked(`from=${iso(hour)}&to=${iso(hour + 1)}`)).features;
    assert.equal(value, measures[measure].value);
  }
  assert.ok((moved ?? 0) > 0.35 && (calm ?? 1) < 0.1, `${moved} ${calm}`);
  const { series: days } = await asked(`from=${iso(0)}&to=${iso(2)}&bucket=day`);
  assert.ok(days !== undefined && days.from[0] === iso(0) && days.from.length <= 2);
  const silent = await ask(`drift?from=${iso(0)}&to=${iso(3)}&bucket=hour&min_samples=601`);
  assert.deepEqual(ReportSchema.parse(silent.body).series?.values['x'], [null, null, null]);
  const long = await ask(`drift?from=${iso(-300)}&to=${iso(3)}&bucket=hour`);
  assert.match(JSON.stringify(long), /400.*303 buckets of one hour, of at most 200: take bucket=day/);
  const exact = await ask(`drift?from=${iso(0)}&to=${iso(3)}&bucket=hour&mode=exact`);
  assert.match(JSON.stringify(exact), /400.*'bucket' is read from states/);
});

test('buckets follow the clock, leave nothing of a window out and overlap nowhere', () => {
  const HOUR_MS = 3_600_000;
  fc.assert(
    fc.property(fc.nat(40 * HOUR_MS), fc.integer({ min: 1, max: 90 * HOUR_MS }), (from_ms, length_ms) => {
      const buckets = bucketsOf({ from_ms, to_ms: from_ms + length_ms }, 'hour');
      assert.equal(buckets[0].from_ms, from_ms);
      assert.equal(buckets.at(-1)?.to_ms, from_ms + length_ms);
      for (const [i, { from_ms: from, to_ms: to }] of buckets.entries()) {
        assert.ok(from < to);
        if (i > 0) assert.ok(from === buckets[i - 1].to_ms && from % HOUR_MS === 0);
      }
    }),
  );
});

test('the value of one measure alone is that among all measures', () => {
  const counts = (bins: FeatureBins) => fc.array(fc.nat(50), { minLength: binCount(bins), maxLength: binCount(bins) });
  const numeric: FeatureBins = { kind: 'numeric', feature: 'x', edges: [0, 1, 2, 4], coarse: [0, 1, 3], reference: [] };
  const named: FeatureBins = { kind: 'categorical', feature: 'c', categories: ['a', 'b'], reference: [] };
  const extremes = { least: -3, greatest: 9 };
  const measures: readonly Measure[] = [
    'kolmogorovSmirnov',
    'jensenShannon',
    'wassersteinNormed',
    'chiSquared',
    'proportions',
  ];
  for (const bins of [numeric, named]) {
    fc.assert(
      fc.property(counts(bins), counts(bins), fc.constantFrom(...measures), (reference, current, measure) => {
        const found = measureBinned({ bins, reference, current, extremes })[measure];
        const value = found !== undefined && isMeasured(found) ? found.value : undefined;
        assert.equal(valuesOf(measure, { bins, reference, extremes }, 1)(current), value);
      }),
    );
  }
});
