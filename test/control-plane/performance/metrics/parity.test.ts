import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { estimateFromScores } from '../../../../control-plane/performance/metrics/estimated-performance.js';
import { calibrated, calibrateScores } from '../../../../control-plane/performance/metrics/isotonic.js';
import {
  auroc,
  averagePrecision,
  brier,
  decisionAt,
  type LabelledScores,
  logLoss,
} from '../../../../control-plane/performance/metrics/labelled-scores.js';
import { confusionMatrix, multiClassMetrics } from '../../../../control-plane/performance/metrics/multi-class.js';
import { regressionMetrics, regressionSums } from '../../../../control-plane/performance/metrics/regression.js';
import type { Metric } from '../../../../control-plane/performance/metrics/score-histogram.js';
import { assertClose, fixture } from '../../drift/statistics/parity-fixture.js';

const numbers = z.array(z.number());
const answer = z.number().nullable();
const BINARY = ['auroc', 'average_precision', 'log_loss', 'brier', 'accuracy', 'precision', 'recall', 'f1'] as const;
const BinarySchema = z.object({
  name: z.string(),
  scores: numbers,
  labels: numbers,
  ...Object.fromEntries(BINARY.map((name) => [name, answer])),
} as { name: z.ZodString; scores: typeof numbers; labels: typeof numbers } & Record<
  (typeof BINARY)[number],
  typeof answer
>);
const averages = z.object({ precision: z.number(), recall: z.number(), f1: z.number() });
const PerformanceSchema = z.object({
  multi_class: z.object({
    labels: z.array(z.string()),
    predictions: z.array(z.string()),
    accuracy: z.number(),
    macro: averages,
    micro: averages,
    weighted: averages,
  }),
  regression: z.object({
    labels: numbers,
    predictions: numbers,
    rmse: z.number(),
    mae: z.number(),
    bias: z.number(),
    r2: z.number(),
  }),
  estimated: z.object({
    reference_scores: numbers,
    reference_labels: numbers,
    scores: numbers,
    calibrated: numbers,
    accuracy: z.number(),
    precision: z.number(),
    recall: z.number(),
    f1: z.number(),
    auroc: z.number(),
  }),
});
const performance = fixture('performance.json', PerformanceSchema);

/** null is what scikit-learn has no number for. */
function assertMetric(metric: Metric, expected: number | null, what: string, tolerance = 0): void {
  if (expected === null) {
    assert.ok(metric.absence !== undefined, `${what}: ${JSON.stringify(metric)}, the library has no number`);
    return;
  }
  assert.ok(metric.absence === undefined, `${what}: ${metric.absence}, the library says ${expected}`);
  if (Math.abs(metric.value - expected) > tolerance) assertClose(metric.value, expected, what);
}

for (const each of fixture('binary.json', z.array(BinarySchema))) {
  test(`${each.name}: metrics of labelled scores are scikit-learn's`, () => {
    const rows: LabelledScores = { scores: Float64Array.from(each.scores), labels: Uint8Array.from(each.labels) };
    const decision = decisionAt(rows, 0.5);
    assertMetric(auroc(rows), each.auroc, 'AUROC');
    assertMetric(averagePrecision(rows), each.average_precision, 'average precision');
    assertMetric(logLoss(rows), each.log_loss, 'log loss');
    assertMetric(brier(rows), each.brier, 'Brier');
    for (const name of ['accuracy', 'precision', 'recall', 'f1'] as const)
      assertMetric(decision[name], each[name], name);
  });
}

test("metrics of several classes, each way of averaging, are scikit-learn's", () => {
  const { labels, predictions, ...expected } = performance.multi_class;
  const pairs = labels.map((label, i) => ({ label, prediction: predictions[i], n: 1 }));
  // A class of the model that did not occur changes no average.
  const metrics = multiClassMetrics(confusionMatrix(pairs, ['z', 'a']));
  assertMetric(metrics.accuracy, expected.accuracy, 'accuracy');
  for (const average of ['macro', 'micro', 'weighted'] as const) {
    for (const name of ['precision', 'recall', 'f1'] as const) {
      assertMetric(metrics[average][name], expected[average][name], `${average} ${name}`);
    }
  }
  assert.equal(multiClassMetrics(confusionMatrix([])).accuracy.absence, 'noData');
});

test('metrics of a regression from sums are those of the rows by scikit-learn', () => {
  const { labels, predictions, ...expected } = performance.regression;
  const metrics = regressionMetrics(regressionSums(Float64Array.from(predictions), Float64Array.from(labels)));
  for (const name of ['rmse', 'mae', 'bias', 'r2'] as const) assertMetric(metrics[name], expected[name], name);
  const none = regressionMetrics(regressionSums(new Float64Array(), new Float64Array()));
  assert.equal(none.rmse.absence, 'noData');
  const constant = regressionMetrics(regressionSums(Float64Array.of(1, 2), Float64Array.of(7.1, 7.1)));
  assert.equal(constant.r2.absence, 'undefined');
});

test("performance without labels is NannyML's estimate, calibration included", () => {
  const { reference_scores, reference_labels, scores, calibrated: expected, ...answers } = performance.estimated;
  const calibration = calibrateScores(Float64Array.from(reference_scores), Uint8Array.from(reference_labels));
  for (const [i, score] of scores.entries()) assertClose(calibrated(calibration, score), expected[i], `score ${score}`);
  const estimate = estimateFromScores(Float64Array.from(scores), calibration);
  for (const name of ['accuracy', 'precision', 'recall', 'f1'] as const)
    assertMetric(estimate[name], answers[name], name);
  // NannyML rounds its sums of positives to five digits before it divides.
  assertMetric(estimate.auroc, answers.auroc, 'AUROC', 1e-5);
});
