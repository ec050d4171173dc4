import { type Calibration, calibrated } from './isotonic.js';
import { type BinaryCounts, decisionMetrics } from './score-decision.js';
import { type Metric, metric, noMetric, SCORE_BINS } from './score-histogram.js';

/** Performance without labels: what it would be if the calibrated probabilities were true (NannyML's CBPE). Blind to drift of the concept itself. */
export interface EstimatedPerformance {
  readonly counts: BinaryCounts;
  readonly accuracy: Metric;
  readonly precision: Metric;
  readonly recall: Metric;
  readonly f1: Metric;
  readonly auroc: Metric;
}

interface Group {
  readonly score: number;
  readonly rows: number;
}

/** Rows of one score; `rows` may be weighted. */
function estimate(groups: readonly Group[], calibration: Calibration, threshold: number): EstimatedPerformance {
  const counts = { true_positives: 0, false_positives: 0, false_negatives: 0, true_negatives: 0 };
  let [positives, negatives, area] = [0, 0, 0];
  for (const { score, rows } of [...groups].sort((a, b) => b.score - a.score)) {
    const q = calibrated(calibration, score);
    const [hit, miss] = [q * rows, (1 - q) * rows];
    if (score >= threshold) {
      counts.true_positives += hit;
      counts.false_positives += miss;
    } else {
      counts.false_negatives += hit;
      counts.true_negatives += miss;
    }
    area += miss * (positives + hit / 2);
    positives += hit;
    negatives += miss;
  }
  const isOneClass = !(positives > 0 && negatives > 0);
  const ranked = isOneClass ? noMetric('oneClass') : metric(area / (positives * negatives));
  const { accuracy, precision, recall, f1 } = decisionMetrics(counts);
  return { counts, accuracy, precision, recall, f1, auroc: positives + negatives === 0 ? noMetric('noData') : ranked };
}

export function estimateFromScores(
  scores: Float64Array,
  calibration: Calibration,
  threshold = 0.5,
): EstimatedPerformance {
  return estimate(
    Array.from(scores, (score) => ({ score, rows: 1 })),
    calibration,
    threshold,
  );
}

/** From counted scores: bin i is [i/1000, (i + 1)/1000). A bin is taken as its middle, which is on the same side of each thousandth as its rows. */
export function estimateFromHistogram(
  counts: ArrayLike<number>,
  calibration: Calibration,
  threshold = 0.5,
): EstimatedPerformance {
  const groups = Array.from({ length: SCORE_BINS }, (_, i) => ({
    score: (i + 0.5) / SCORE_BINS,
    rows: counts[i] ?? 0,
  }));
  return estimate(
    groups.filter(({ rows }) => rows > 0),
    calibration,
    threshold,
  );
}
