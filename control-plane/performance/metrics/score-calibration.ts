import {
  between,
  type Metric,
  metric,
  noMetric,
  SCORE_BINS,
  type ScoreHistogram,
  scoreTotals,
} from './score-histogram.js';

/** scikit-learn takes the logarithm of no probability closer to 0 or 1. */
const CLIP = Number.EPSILON;
const CENTRE = 0.5 / SCORE_BINS;

const loss = (probability: number): number => -Math.log(Math.min(1 - CLIP, Math.max(CLIP, probability)));

/** Sums a loss that falls with the score for positives and grows with it for negatives, at the middle and at both ends of each bin. */
function summedLoss(
  histogram: ScoreHistogram,
  ofPositive: (score: number) => number,
  ofNegative: (score: number) => number,
): Metric {
  const { positives, negatives } = scoreTotals(histogram);
  const n = positives + negatives;
  if (n === 0) return noMetric('noData');
  let [value, low, high] = [0, 0, 0];
  for (let i = 0; i < SCORE_BINS; i++) {
    const [p, q] = [histogram.positives[i], histogram.negatives[i]];
    const [start, end] = [i / SCORE_BINS, (i + 1) / SCORE_BINS];
    value += p * ofPositive(start + CENTRE) + q * ofNegative(start + CENTRE);
    low += p * ofPositive(end) + q * ofNegative(start);
    high += p * ofPositive(start) + q * ofNegative(end);
  }
  return between(value / n, low / n, high / n);
}

/** Mean of −ln of the probability that the label was given. */
export function binnedLogLoss(histogram: ScoreHistogram): Metric {
  return summedLoss(histogram, loss, (score) => loss(1 - score));
}

/** Mean of (score − label)². */
export function binnedBrier(histogram: ScoreHistogram): Metric {
  return summedLoss(
    histogram,
    (score) => (1 - score) ** 2,
    (score) => score ** 2,
  );
}

export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly n: number;
  /** Mean score, to half a thousandth. */
  readonly score: number;
  /** Share of positives. */
  readonly observed: number;
}

/** Equal bins of the score, empty ones left out: mean score beside the share of positives. `bins` divides `SCORE_BINS`. */
export function reliability(histogram: ScoreHistogram, bins = 10): readonly ReliabilityBin[] {
  if (!Number.isInteger(bins) || bins < 1 || SCORE_BINS % bins !== 0) {
    throw new RangeError(`${bins} bins of calibration: take a divisor of ${SCORE_BINS}`);
  }
  const step = SCORE_BINS / bins;
  return Array.from({ length: bins }, (_, bin): ReliabilityBin => {
    let [n, score, positives] = [0, 0, 0];
    for (let i = bin * step; i < (bin + 1) * step; i++) {
      const rows = histogram.positives[i] + histogram.negatives[i];
      n += rows;
      positives += histogram.positives[i];
      score += rows * (i / SCORE_BINS + CENTRE);
    }
    const [from, to] = [bin / bins, (bin + 1) / bins];
    return n === 0
      ? { from, to, n, score: 0, observed: 0 }
      : { from, to, n, score: score / n, observed: positives / n };
  }).filter(({ n }) => n > 0);
}

/** Expected calibration error: mean over rows of |share of positives − mean score| of their bin. A mean score is known to half a thousandth. */
export function binnedCalibrationError(histogram: ScoreHistogram, bins = 10): Metric {
  const parts = reliability(histogram, bins);
  const n = parts.reduce((sum, part) => sum + part.n, 0);
  if (n === 0) return noMetric('noData');
  const error = parts.reduce((sum, part) => sum + part.n * Math.abs(part.observed - part.score), 0) / n;
  return metric(error, CENTRE);
}
