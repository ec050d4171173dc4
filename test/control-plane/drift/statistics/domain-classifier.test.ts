import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { classifierDrift } from '../../../../control-plane/drift/classifier-drift.js';
import { domainAuroc, FOLDS, standardError } from '../../../../control-plane/drift/statistics/domain-classifier.js';
import { domainRows } from '../../../../control-plane/drift/statistics/domain-rows.js';
import type { FeatureColumn, FeatureValue } from '../../../../control-plane/drift/statistics/feature-matrix.js';
import { fitLogistic, logOdds } from '../../../../control-plane/drift/statistics/logistic-regression.js';
import { auroc } from '../../../../control-plane/performance/metrics/labelled-scores.js';
import { seededRandom } from '../../../harness/seeded-random.js';
import { assertClose, fixture } from './parity-fixture.js';

const numbers = z.array(z.number());
const expected = fixture(
  'classifier.json',
  z.object({ rows: z.array(numbers), labels: numbers, weights: numbers, intercept: z.number(), auroc: numbers }),
);

test("weights and AUROC over folds are scikit-learn's", () => {
  const rows = expected.rows.map((row) => Float64Array.from(row));
  const model = fitLogistic(rows, Uint8Array.from(expected.labels));
  assertClose(model.intercept, expected.intercept, 'intercept');
  for (const [i, weight] of expected.weights.entries()) assertClose(model.weights[i], weight, `weight ${i}`);
  for (const [fold, value] of expected.auroc.entries()) {
    const [inside, outside] = [true, false].map((is) => [...rows.keys()].filter((i) => (i % FOLDS === fold) === is));
    const labels = (some: readonly number[]) => Uint8Array.from(some, (i) => expected.labels[i]);
    const trained = fitLogistic(
      outside.map((i) => rows[i]),
      labels(outside),
    );
    const found = auroc({
      scores: Float64Array.from(inside, (i) => logOdds(trained, rows[i])),
      labels: labels(inside),
    });
    assert.ok(found.absence === undefined);
    assertClose(found.value, value, `AUROC of fold ${fold}`);
  }
});

test('the standard error is the spread of the AUROC over samples', () => {
  const random = seededRandom(5);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const labels = Uint8Array.from({ length: 150 }, (_, i) => Number(i < 60));
  const values = Array.from({ length: 1500 }, () => {
    const found = auroc({ scores: Float64Array.from(labels, (label) => normal() + 0.5 * label), labels });
    return found.absence === undefined ? found.value : Number.NaN;
  });
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  assert.ok(Math.abs(standardError(mean, 60, 90) / spread - 1) < 0.1, `${standardError(mean, 60, 90)} and ${spread}`);
});

const numeric = (name: string, values: readonly FeatureValue[]): FeatureColumn => ({ name, kind: 'numeric', values });
const made = (seed: number, count: number, value: (random: () => number) => FeatureValue) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => value(random));
};

test('a shift, another spread, another mix of categories and missing values are each found; the same again is not', () => {
  const uniform = (random: () => number) => random() - 0.5;
  const mix = (names: string) => (random: () => number) => names[Math.floor(random() * names.length)];
  const cases: [what: string, before: FeatureColumn, now: FeatureColumn, verdict: string][] = [
    ['same', numeric('x', made(1, 900, uniform)), numeric('x', made(2, 900, uniform)), 'ok'],
    [
      'shift',
      numeric('x', made(1, 900, uniform)),
      numeric(
        'x',
        made(2, 900, (r) => r() - 0.3),
      ),
      'drift',
    ],
    [
      'spread',
      numeric('x', made(1, 900, uniform)),
      numeric(
        'x',
        made(2, 900, (r) => 2 * r() - 1),
      ),
      'drift',
    ],
    [
      'missing',
      numeric('x', made(1, 900, uniform)),
      numeric(
        'x',
        made(2, 900, (r) => (r() < 0.3 ? null : r() - 0.5)),
      ),
      'drift',
    ],
    [
      'infinite',
      numeric('x', made(1, 900, uniform)),
      numeric(
        'x',
        made(2, 900, (r) => 1 / (r() < 0.3 ? 0 : 1)),
      ),
      'drift',
    ],
    [
      'categories',
      { name: 'c', kind: 'categorical', values: made(1, 900, mix('aab')) },
      { name: 'c', kind: 'categorical', values: made(2, 900, mix('abb')) },
      'drift',
    ],
  ];
  for (const [what, before, now, verdict] of cases) {
    assert.equal(classifierDrift([before], [now]).verdict, verdict, what);
  }
});

test('of the same distribution hardly any window is called drift', () => {
  const uniform = (random: () => number) => random();
  const alarms = Array.from({ length: 60 }, (_, i) => {
    const side = (seed: number) => ['a', 'b'].map((name, at) => numeric(name, made(10 * i + seed + at, 400, uniform)));
    return classifierDrift(side(1), side(5)).verdict;
  }).filter((verdict) => verdict === 'drift').length;
  assert.ok(alarms <= 3, `${alarms} of 60`);
});

test('columns that say nothing leave 0.5, and too few rows no verdict', () => {
  const constant = [numeric('k', Array(200).fill(7)), numeric('n', Array(200).fill(null))];
  const { value, verdict } = classifierDrift(constant, constant);
  assert.deepEqual([value, verdict], [0.5, 'ok']);
  const few = [
    numeric(
      'x',
      made(1, 149, (random) => random()),
    ),
  ];
  assert.equal(classifierDrift(few, few).verdict, 'noData');
  assert.equal(classifierDrift([], []).verdict, 'noData');
});

test('whatever the values, the AUROC is a number between 0 and 1, and no row has one that is none', () => {
  const value = fc.oneof(fc.double(), fc.constant(null), fc.integer());
  const side = fc.array(fc.tuple(value, fc.constantFrom('a', 'b', null)), { minLength: 2 * FOLDS, maxLength: 40 });
  const columns = (rows: readonly (readonly [FeatureValue, string | null])[]): FeatureColumn[] => [
    numeric(
      'x',
      rows.map(([x]) => x),
    ),
    { name: 'c', kind: 'categorical', values: rows.map(([, c]) => c) },
  ];
  fc.assert(
    fc.property(side, side, (before, now) => {
      for (const row of domainRows(columns(before), columns(now)).rows) assert.ok(row.every(Number.isFinite));
      const found = domainAuroc(columns(before), columns(now));
      assert.ok(found.value >= 0 && found.value <= 1 && Number.isFinite(found.standard_error));
    }),
    { numRuns: 50 },
  );
});
