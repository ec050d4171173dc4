import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  estimateFromHistogram,
  estimateFromScores,
} from '../../../../control-plane/performance/metrics/estimated-performance.js';
import { calibrated, calibrateHistogram, isotonic } from '../../../../control-plane/performance/metrics/isotonic.js';
import {
  auroc,
  averagePrecision,
  brier,
  calibrationError,
  decisionAt,
  type LabelledScores,
  logLoss,
} from '../../../../control-plane/performance/metrics/labelled-scores.js';
import {
  binnedBrier,
  binnedCalibrationError,
  binnedLogLoss,
  reliability,
} from '../../../../control-plane/performance/metrics/score-calibration.js';
import { binnedDecision } from '../../../../control-plane/performance/metrics/score-decision.js';
import {
  type Metric,
  SCORE_BINS,
  type ScoreHistogram,
} from '../../../../control-plane/performance/metrics/score-histogram.js';
import { binnedAuroc, binnedAveragePrecision } from '../../../../control-plane/performance/metrics/score-ranking.js';

const ROUNDING = 1e-9;
/** Many ties, many scores in one bin, and both ends. */
const score = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.nat(SCORE_BINS).map((thousandth) => thousandth / SCORE_BINS),
  fc.double({ min: 0.5, max: 0.503, noNaN: true }),
  fc.constantFrom(0, 1),
);
const rows = fc
  .array(fc.record({ score, label: fc.constantFrom(0, 1) }), { minLength: 0, maxLength: 80 })
  .map((all) => ({
    scores: Float64Array.from(all, (row) => row.score),
    labels: Uint8Array.from(all, (row) => row.label),
  }));

function counted({ scores, labels }: LabelledScores): ScoreHistogram {
  const histogram = { positives: new Float64Array(SCORE_BINS), negatives: new Float64Array(SCORE_BINS) };
  // As the view score_hist_live does.
  for (const [i, each] of scores.entries()) {
    histogram[labels[i] === 1 ? 'positives' : 'negatives'][Math.min(SCORE_BINS - 1, Math.floor(each * SCORE_BINS))]++;
  }
  return histogram;
}

function assertWithin(binned: Metric, exact: Metric, what: string): void {
  assert.equal(binned.absence, exact.absence, what);
  if (binned.absence !== undefined || exact.absence !== undefined) return;
  const far = Math.abs(binned.value - exact.value);
  assert.ok(far <= binned.error + ROUNDING, `${what}: ${binned.value} ± ${binned.error}, but it is ${exact.value}`);
}

test('ranking, loss and calibration from the histogram lie within the error that is stated with them', () => {
  fc.assert(
    fc.property(rows, (labelled) => {
      const histogram = counted(labelled);
      assertWithin(binnedAuroc(histogram), auroc(labelled), 'AUROC');
      assertWithin(binnedAveragePrecision(histogram), averagePrecision(labelled), 'average precision');
      assertWithin(binnedLogLoss(histogram), logLoss(labelled), 'log loss');
      assertWithin(binnedBrier(histogram), brier(labelled), 'Brier');
      assertWithin(binnedCalibrationError(histogram), calibrationError(labelled), 'calibration error');
      const seen = reliability(histogram).reduce((sum, { n }) => sum + n, 0);
      assert.equal(seen, labelled.scores.length);
    }),
    { numRuns: 1000 },
  );
});

test('decisions at a thousandth below 1 are exact, at any other threshold within the error', () => {
  const threshold = fc.oneof(
    fc.nat(SCORE_BINS).map((thousandth) => thousandth / SCORE_BINS),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0.5, max: 0.503, noNaN: true }),
  );
  fc.assert(
    fc.property(rows, threshold, (labelled, at) => {
      const [binned, exact] = [binnedDecision(counted(labelled), at), decisionAt(labelled, at)];
      const isThousandth = Number.isInteger(at * SCORE_BINS) && at < 1;
      for (const name of ['accuracy', 'recall', 'f1', 'specificity', 'precision'] as const) {
        const [mine, theirs] = [binned[name], exact[name]];
        if (isThousandth && mine.absence === undefined) assert.equal(mine.error, 0, name);
        // In doubt, nothing may have been predicted positive: then there is no precision to compare with.
        if (!isThousandth && (mine.absence ?? theirs.absence) === 'undefined') continue;
        assertWithin(mine, theirs, name);
      }
    }),
    { numRuns: 1000 },
  );
});

test('a calibration rises, and keeps the mean of what it was made from', () => {
  fc.assert(
    fc.property(rows, (labelled) => {
      const histogram = counted(labelled);
      const calibration = calibrateHistogram(histogram);
      let [before, sum, positives] = [0, 0, 0];
      for (let i = 0; i < SCORE_BINS; i++) {
        const n = histogram.positives[i] + histogram.negatives[i];
        if (n === 0) continue;
        const q = calibrated(calibration, (i + 0.5) / SCORE_BINS);
        assert.ok(q >= before - ROUNDING && q <= 1);
        before = q;
        sum += n * q;
        positives += histogram.positives[i];
      }
      assert.ok(Math.abs(sum - positives) < 1e-6);
    }),
  );
});

test('an estimate from counted scores is that of the rows when each score is the middle of its bin', () => {
  const middles = fc.array(fc.nat(SCORE_BINS - 1), { minLength: 1, maxLength: 60 });
  const calibration = isotonic([
    { at: 0.1, mean: 0.2, weight: 3 },
    { at: 0.6, mean: 0.5, weight: 3 },
    { at: 0.9, mean: 0.95, weight: 3 },
  ]);
  fc.assert(
    fc.property(middles, (bins) => {
      const counts = new Float64Array(SCORE_BINS);
      for (const bin of bins) counts[bin]++;
      const scores = Float64Array.from(bins, (bin) => (bin + 0.5) / SCORE_BINS);
      const [binned, raw] = [estimateFromHistogram(counts, calibration), estimateFromScores(scores, calibration)];
      for (const name of ['accuracy', 'precision', 'recall', 'f1', 'auroc'] as const) {
        assertWithin(binned[name], raw[name], name);
      }
    }),
  );
});
