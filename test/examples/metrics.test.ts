import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { accuracy, areaUnderCurve, calibration, calibrationError, logLoss } from '../../examples/learning/metrics.js';

test('accuracy and log loss of a worked example', () => {
  const probabilities = Float32Array.of(0.75, 0.25, 0.5, 0.5, 0.25, 0.75);
  const classes = Uint8Array.of(0, 1, 1);
  assert.equal(accuracy(probabilities, classes), 2 / 3);
  const expected = -(Math.log(0.75) + Math.log(0.5) + Math.log(0.75)) / 3;
  assert.ok(Math.abs(logLoss(probabilities, classes) - expected) < 1e-9);
});

test('the area under the curve is the share of pairs in the right order, ties counting half', () => {
  const rows = fc.array(fc.record({ score: fc.nat(6), positive: fc.boolean() }), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(rows, (all) => {
      const positives = all.filter(({ positive }) => positive);
      const negatives = all.filter(({ positive }) => !positive);
      fc.pre(positives.length > 0 && negatives.length > 0);
      const order = (a: number, b: number) => (a > b ? 1 : a === b ? 0.5 : 0);
      const pairs = positives.flatMap((p) => negatives.map((n): number => order(p.score, n.score)));
      const expected = pairs.reduce((sum, one) => sum + one, 0) / pairs.length;
      const scores = Float32Array.from(all, ({ score }) => score);
      const classes = Uint8Array.from(all, ({ positive }) => (positive ? 1 : 0));
      assert.ok(Math.abs(areaUnderCurve(scores, classes) - expected) < 1e-9);
    }),
  );
});

test('bins hold every row once, and a score that tells the truth has no calibration error', () => {
  const scores = Float32Array.of(0, 0, 0.5, 0.5, 1, 1);
  const bins = calibration(scores, Uint8Array.of(0, 0, 0, 1, 1, 1), 3);
  assert.deepEqual(
    bins.map(({ rows }) => rows),
    [2, 2, 2],
  );
  assert.equal(calibrationError(bins), 0);
});
