import { type BinaryCounts, type DecisionMetrics, decisionMetrics } from './score-decision.js';
import { type Metric, metric, noMetric } from './score-histogram.js';

/** Raw scores of a binary model with their labels: the exact mode, for windows that are small enough to be read row by row. */
export interface LabelledScores {
  readonly scores: Float64Array;
  /** 1: positive. As long as `scores`. */
  readonly labels: Uint8Array;
}

const CLIP = Number.EPSILON;

interface Step {
  readonly positives: number;
  readonly negatives: number;
}

/** Rows by falling score, those of one score together. */
function steps({ scores, labels }: LabelledScores): readonly Step[] {
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[b] - scores[a]);
  const out: Step[] = [];
  for (let start = 0; start < order.length; ) {
    let [end, positives] = [start, 0];
    while (end < order.length && scores[order[end]] === scores[order[start]]) positives += labels[order[end++]];
    out.push({ positives, negatives: end - start - positives });
    start = end;
  }
  return out;
}

function totals({ labels }: LabelledScores): Step {
  const positives = labels.reduce((sum, label) => sum + label, 0);
  return { positives, negatives: labels.length - positives };
}

function unrankable(rows: LabelledScores): Metric | undefined {
  const { positives, negatives } = totals(rows);
  if (positives + negatives === 0) return noMetric('noData');
  return positives === 0 || negatives === 0 ? noMetric('oneClass') : undefined;
}

/** Share of pairs of a positive and a negative in which the positive has the higher score; equal scores count half. */
export function auroc(rows: LabelledScores): Metric {
  const missing = unrankable(rows);
  if (missing !== undefined) return missing;
  const { positives, negatives } = totals(rows);
  let [above, won] = [0, 0];
  for (const step of steps(rows)) {
    won += step.negatives * (above + step.positives / 2);
    above += step.positives;
  }
  return metric(won / (positives * negatives));
}

/** Σ (Rᵢ − Rᵢ₋₁)·Pᵢ over distinct scores, as scikit-learn. */
export function averagePrecision(rows: LabelledScores): Metric {
  const missing = unrankable(rows);
  if (missing !== undefined) return missing;
  const { positives } = totals(rows);
  let [hits, all, sum] = [0, 0, 0];
  for (const step of steps(rows)) {
    hits += step.positives;
    all += step.positives + step.negatives;
    sum += step.positives * (hits / all);
  }
  return metric(sum / positives);
}

function meanLoss({ scores, labels }: LabelledScores, loss: (score: number, label: number) => number): Metric {
  if (scores.length === 0) return noMetric('noData');
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += loss(scores[i], labels[i]);
  return metric(sum / scores.length);
}

/** Probabilities are kept a rounding away from 0 and 1, as scikit-learn does. */
export function logLoss(rows: LabelledScores): Metric {
  return meanLoss(
    rows,
    (score, label) => -Math.log(Math.max(CLIP, Math.min(1 - CLIP, label === 1 ? score : 1 - score))),
  );
}

export function brier(rows: LabelledScores): Metric {
  return meanLoss(rows, (score, label) => (score - label) ** 2);
}

/** Mean over rows of |share of positives − mean score| of the equal bin that their score is in. */
export function calibrationError({ scores, labels }: LabelledScores, bins = 10): Metric {
  if (scores.length === 0) return noMetric('noData');
  const difference = new Float64Array(bins);
  for (let i = 0; i < scores.length; i++) {
    difference[Math.max(0, Math.min(bins - 1, Math.floor(scores[i] * bins)))] += labels[i] - scores[i];
  }
  return metric(difference.reduce((sum, each) => sum + Math.abs(each), 0) / scores.length);
}

/** `score >= threshold` is a positive prediction. */
export function confusionAt({ scores, labels }: LabelledScores, threshold: number): BinaryCounts {
  const counts = { true_positives: 0, false_positives: 0, false_negatives: 0, true_negatives: 0 };
  for (let i = 0; i < scores.length; i++) {
    if (scores[i] >= threshold) counts[labels[i] === 1 ? 'true_positives' : 'false_positives']++;
    else counts[labels[i] === 1 ? 'false_negatives' : 'true_negatives']++;
  }
  return counts;
}

export function decisionAt(rows: LabelledScores, threshold: number): DecisionMetrics {
  return decisionMetrics(confusionAt(rows, threshold));
}
