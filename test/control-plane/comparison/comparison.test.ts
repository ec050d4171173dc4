import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { pairedAuroc, pairedMeans } from '../../../control-plane/comparison/statistics/paired-auroc.js';
import { judgeDifference, mcnemar } from '../../../control-plane/comparison/verdict.js';
import { normalCritical } from '../../../control-plane/drift/statistics/tail-probability.js';
import { auroc } from '../../../control-plane/performance/metrics/labelled-scores.js';
import { seededRandom } from '../../harness/seeded-random.js';
import { HOUR_MS, LabelRig, START_MS } from '../labels/label-rig.js';

/** Pairs that one alone has right, and `mcnemar(exact=True)` of statsmodels 0.14. */
const MCNEMAR: readonly [only_first: number, only_second: number, p: number][] = [
  [0, 0, 1],
  [1, 0, 1],
  [3, 9, 0.14599609375],
  [25, 40, 0.08168153394154003],
  [100, 100, 1],
  [7, 300, 3.737865204387527e-79],
];

/** DeLong's definition, pair by pair. */
function slowDeLong(first: readonly number[], second: readonly number[], labels: readonly number[]): [number, number] {
  const above = (a: number, b: number) => (a > b ? 1 : a === b ? 0.5 : 0);
  const [p, n] = [1, 0].map((wanted) => labels.flatMap((label, i) => (label === wanted ? [i] : [])));
  const of = (scores: readonly number[]) => ({
    v10: p.map((i) => n.reduce((sum, j) => sum + above(scores[i], scores[j]), 0) / n.length),
    v01: n.map((j) => p.reduce((sum, i) => sum + above(scores[i], scores[j]), 0) / p.length),
  });
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const covariance = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + (value - mean(x)) * (y[i] - mean(y)), 0) / (x.length - 1);
  const [a, b] = [of(first), of(second)];
  const s10 = covariance(a.v10, a.v10) + covariance(b.v10, b.v10) - 2 * covariance(a.v10, b.v10);
  const s01 = covariance(a.v01, a.v01) + covariance(b.v01, b.v01) - 2 * covariance(a.v01, b.v01);
  return [mean(b.v10) - mean(a.v10), Math.sqrt(Math.max(0, s10 / p.length + s01 / n.length))];
}

test('the difference of two AUROCs and its error are those of the definition, ties and all', () => {
  const score = fc.integer({ min: 0, max: 12 }).map((value) => value / 12);
  const row = fc.record({ first: score, second: score, label: fc.integer({ min: 0, max: 1 }) });
  const rows = fc.array(row, { minLength: 4, maxLength: 60 }).filter((all) => {
    const positive = all.filter(({ label }) => label === 1).length;
    return positive >= 2 && all.length - positive >= 2;
  });
  fc.assert(
    fc.property(rows, (all) => {
      const [first, second, labels] = [all.map((r) => r.first), all.map((r) => r.second), all.map((r) => r.label)];
      const found = pairedAuroc({
        first: Float64Array.from(first),
        second: Float64Array.from(second),
        labels: Uint8Array.from(labels),
      });
      const [difference, error] = slowDeLong(first, second, labels);
      assert.ok(Math.abs(found.difference - difference) < 1e-9 && Math.abs(found.standard_error - error) < 1e-7);
      const exact = auroc({ scores: Float64Array.from(second), labels: Uint8Array.from(labels) });
      assert.ok(Math.abs(found.second - ('value' in exact ? exact.value : Number.NaN)) < 1e-9);
    }),
  );
});

test("McNemar's p and the normal quantiles are those of statsmodels and scipy", () => {
  for (const [b, c, p] of MCNEMAR) assert.ok(Math.abs(mcnemar(b, c) / p - 1) < 1e-9, `${b} ${c}: ${mcnemar(b, c)}`);
  for (const [alpha, z] of [
    [0.05, 1.9599639845400545],
    [0.01, 2.575829303548901],
    [0.1, 1.6448536269514729],
  ]) {
    assert.ok(Math.abs(normalCritical(alpha) - z) < 1e-9);
  }
});

test('of equal versions the interval holds the truth as often as it says, and few pairs are never a pass', () => {
  const random = seededRandom(9);
  const rules = { margin: 0, alpha: 0.05, min_samples: 100 };
  const ROUNDS = 400;
  let missed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const right = () => Float64Array.from({ length: 300 }, () => Number(random() < 0.8));
    const { gain, p } = judgeDifference(pairedMeans(right(), right()), 300, true, rules);
    const holds = gain.low <= 0 && gain.high >= 0;
    assert.equal(holds, p >= rules.alpha - 1e-9);
    if (!holds) missed++;
  }
  // 20 are expected; 4.4 is the standard deviation.
  assert.ok(missed > 3 && missed < 38, `${missed} of ${ROUNDS}`);
  const better = { first: 0.5, second: 0.9, difference: 0.4, standard_error: 0.01 };
  assert.equal(judgeDifference(better, 100, true, rules).verdict, 'pass');
  assert.equal(judgeDifference(better, 99, true, rules).verdict, 'inconclusive');
  assert.equal(judgeDifference(better, 100, false, rules).verdict, 'fail', 'more of a loss');
  assert.equal(judgeDifference({ ...better, difference: -0.005 }, 100, true, rules).verdict, 'inconclusive');
  assert.equal(
    judgeDifference({ ...better, difference: -0.005 }, 100, true, { ...rules, margin: 0.05 }).verdict,
    'pass',
  );
});

const ReportSchema = z.object({
  verdict: z.enum(['pass', 'fail', 'inconclusive']),
  reason: z.string().optional(),
  metric: z.string(),
  pairs: z.object({ rows: z.number(), of: z.number() }),
  result: z
    .object({
      first: z.number(),
      second: z.number(),
      p: z.number(),
      gain: z.object({ low: z.number(), high: z.number() }),
    })
    .optional(),
  disagreement: z.object({ only_champion: z.number(), only_challenger: z.number(), p: z.number() }).optional(),
});
const WINDOW = `from=${new Date(START_MS).toISOString()}&to=${new Date(START_MS + HOUR_MS).toISOString()}`;

test('a shadow is compared with the champion on the requests that both answered, and corrections count', async (t) => {
  const rig = await LabelRig.open(t);
  await rig.layout('binary', 2, {
    classes: ['no', 'yes'],
    score: 'probability',
    task: 'binary',
    positive_class: 'yes',
  });
  const random = seededRandom(4);
  const rows = Array.from({ length: 800 }, (_, i) => ({ request_id: `r${i}`, ts_ms: START_MS + i, truth: random() }));
  await rig.log(rows.map(({ truth, ...row }) => ({ ...row, score: 0.5 * truth + 0.5 * random() })));
  // The shadow knows more, and has answered three of four.
  const shadowed = rows.filter((_, i) => i % 4 !== 0);
  await rig.log(shadowed.map(({ truth, ...row }) => ({ ...row, score: truth, version: 2, variant: 'shadow' })));
  const labels = rows.map(({ request_id, truth }) => ({ request_id, label: truth > 0.5 }));
  await rig.send(labels.map(({ request_id }) => ({ request_id, label: true })));
  await rig.join();
  await rig.send(labels);
  await rig.join();
  const ask = async (query: string) => {
    const { status, body } = await rig.get(`/v1/models/binary/comparison?${WINDOW}&${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return ReportSchema.parse(body);
  };
  const better = await ask('champion=1&challenger=2');
  assert.deepEqual([better.metric, better.pairs, better.verdict], ['auroc', { rows: 600, of: 600 }, 'pass']);
  assert.equal(better.result?.second, 1, 'the shadow ranks all of them rightly');
  assert.equal(better.disagreement?.only_champion, 0);
  assert.ok((better.disagreement?.p ?? 1) < 0.001);
  assert.equal((await ask('champion=2&challenger=1&metric=brier')).verdict, 'fail');
  assert.equal((await ask('champion=2&challenger=1&metric=accuracy&margin=0.9')).verdict, 'pass');
  const few = await ask('champion=1&challenger=2&rows=50');
  assert.deepEqual(
    [few.verdict, few.reason, few.pairs],
    ['inconclusive', '50 pairs, of at least 100', { rows: 50, of: 600 }],
  );
  await rig.layout('binary', 3, {
    classes: ['no', 'yes'],
    score: 'probability',
    task: 'binary',
    positive_class: 'yes',
  });
  const none = await ask('champion=1&challenger=3');
  assert.deepEqual([none.verdict, none.result], ['inconclusive', undefined]);
  assert.match(none.reason ?? '', /no labelled request that both versions have answered/);
  for (const [query, pattern] of [
    ['champion=1&challenger=9', /version 9 of 'binary' was never logged/],
    ['champion=1&challenger=2&metric=rmse', /compared by auroc, accuracy, brier, log_loss/],
    ['champion=1', /'challenger' is/],
  ] as const) {
    const { body } = await rig.get(`/v1/models/binary/comparison?${WINDOW}&${query}`);
    assert.match(z.object({ detail: z.string() }).parse(body).detail, pattern);
  }
});
