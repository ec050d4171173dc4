import {
  between,
  type Metric,
  metric,
  noMetric,
  SCORE_BINS,
  type ScoreHistogram,
  scoreTotals,
} from './score-histogram.js';

function rankable(histogram: ScoreHistogram): Metric | undefined {
  const { positives, negatives } = scoreTotals(histogram);
  if (positives + negatives === 0) return noMetric('noData');
  return positives === 0 || negatives === 0 ? noMetric('oneClass') : undefined;
}

/** Area under the ROC curve. A pair in one bin counts half; which of the two stands higher is not known, so the error is half of their share. */
export function binnedAuroc(histogram: ScoreHistogram): Metric {
  const missing = rankable(histogram);
  if (missing !== undefined) return missing;
  const totals = scoreTotals(histogram);
  let [below, won, tied] = [0, 0, 0];
  for (let i = 0; i < SCORE_BINS; i++) {
    const [p, n] = [histogram.positives[i], histogram.negatives[i]];
    won += p * below;
    tied += p * n;
    below += n;
  }
  const pairs = totals.positives * totals.negatives;
  return metric((won + tied / 2) / pairs, tied / 2 / pairs);
}

/**
 * Σ (Rᵢ − Rᵢ₋₁)·Pᵢ over thresholds, as scikit-learn, each bin being one threshold. The raw scores of a bin could at best all be positives first, and at worst all
 * negatives: the precision of its k-th positive lies between (T + k)/(T + k + F + n) and (T + p)/(T + p + F), and the sum of the former above its integral.
 */
export function binnedAveragePrecision(histogram: ScoreHistogram): Metric {
  const missing = rankable(histogram);
  if (missing !== undefined) return missing;
  const total = scoreTotals(histogram).positives;
  let [hits, misses, value, low, high] = [0, 0, 0, 0, 0];
  for (let i = SCORE_BINS - 1; i >= 0; i--) {
    const [p, n] = [histogram.positives[i], histogram.negatives[i]];
    if (p > 0) {
      value += (p * (hits + p)) / (hits + p + misses + n);
      high += (p * (hits + p)) / (hits + p + misses);
      low += leastPrecision(hits, p, misses + n);
    }
    hits += p;
    misses += n;
  }
  return between(value / total, low / total, high / total);
}

/** ∫₀ᵖ (T + x)/(T + x + B) dx. */
function leastPrecision(hits: number, p: number, behind: number): number {
  return behind === 0 ? p : p - behind * Math.log1p(p / (hits + behind));
}
