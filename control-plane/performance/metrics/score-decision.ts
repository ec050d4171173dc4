import {
  between,
  type Metric,
  noMetric,
  ratio,
  SCORE_BINS,
  type ScoreHistogram,
  scoreTotals,
} from './score-histogram.js';

export interface BinaryCounts {
  readonly true_positives: number;
  readonly false_positives: number;
  readonly false_negatives: number;
  readonly true_negatives: number;
}

export interface DecisionMetrics {
  readonly accuracy: Metric;
  readonly precision: Metric;
  readonly recall: Metric;
  readonly f1: Metric;
  readonly specificity: Metric;
}

export function decisionMetrics(counts: BinaryCounts): DecisionMetrics {
  const { true_positives: tp, false_positives: fp, false_negatives: fn, true_negatives: tn } = counts;
  const n = tp + fp + fn + tn;
  return {
    accuracy: n === 0 ? noMetric('noData') : ratio(tp + tn, n),
    precision: n === 0 ? noMetric('noData') : ratio(tp, tp + fp),
    recall: n === 0 ? noMetric('noData') : ratio(tp, tp + fn),
    f1: n === 0 ? noMetric('noData') : ratio(2 * tp, 2 * tp + fp + fn),
    specificity: n === 0 ? noMetric('noData') : ratio(tn, tn + fp),
  };
}

/** Whether a score on a threshold counts as positive: `score >= threshold`. Thousandths are edges, so that only other thresholds leave a bin in doubt. */
function thresholdBin(threshold: number): { readonly bin: number; readonly isEdge: boolean } {
  // The last bin is closed: it holds the scores of 1 and those below.
  if (threshold === 1) return { bin: SCORE_BINS - 1, isEdge: false };
  const scaled = threshold * SCORE_BINS;
  return { bin: Math.floor(scaled), isEdge: Number.isInteger(scaled) };
}

/** The confusion counts at a threshold, with those of the bin that the threshold cuts kept apart. */
export function countsAt(
  histogram: ScoreHistogram,
  threshold: number,
): { readonly counts: BinaryCounts; readonly cut_positives: number; readonly cut_negatives: number } {
  const { bin, isEdge } = thresholdBin(threshold);
  const totals = scoreTotals(histogram);
  let [tp, fp] = [0, 0];
  for (let i = Math.max(0, bin); i < SCORE_BINS; i++) {
    tp += histogram.positives[i];
    fp += histogram.negatives[i];
  }
  const isCut = !isEdge && bin >= 0 && bin < SCORE_BINS;
  return {
    counts: {
      true_positives: tp,
      false_positives: fp,
      false_negatives: totals.positives - tp,
      true_negatives: totals.negatives - fp,
    },
    cut_positives: isCut ? histogram.positives[bin] : 0,
    cut_negatives: isCut ? histogram.negatives[bin] : 0,
  };
}

/** Moves rows of the cut bin from the predicted positives to the predicted negatives. */
function without(counts: BinaryCounts, positives: number, negatives: number): BinaryCounts {
  return {
    true_positives: counts.true_positives - positives,
    false_positives: counts.false_positives - negatives,
    false_negatives: counts.false_negatives + positives,
    true_negatives: counts.true_negatives + negatives,
  };
}

/** Accuracy, precision, recall, F1 and specificity of `score >= threshold`; exact where the threshold is a thousandth below 1, else within `error`. */
export function binnedDecision(histogram: ScoreHistogram, threshold: number): DecisionMetrics {
  const { counts, cut_positives, cut_negatives } = countsAt(histogram, threshold);
  const all = decisionMetrics(counts);
  if (cut_positives === 0 && cut_negatives === 0) return all;
  // Each metric grows or falls with either count alone, so its extremes are where each is taken or left whole.
  const corners = [
    all,
    decisionMetrics(without(counts, cut_positives, 0)),
    decisionMetrics(without(counts, 0, cut_negatives)),
    decisionMetrics(without(counts, cut_positives, cut_negatives)),
  ];
  const bounded = (name: keyof DecisionMetrics): Metric => {
    const value = all[name];
    if (value.absence !== undefined) return value;
    const seen = corners
      .map((corner) => corner[name])
      .flatMap((each) => (each.absence === undefined ? [each.value] : []));
    return between(value.value, Math.min(...seen), Math.max(...seen));
  };
  return {
    accuracy: bounded('accuracy'),
    precision: bounded('precision'),
    recall: bounded('recall'),
    f1: bounded('f1'),
    specificity: bounded('specificity'),
  };
}
