import { SCORE_BINS, type ScoreHistogram } from './score-histogram.js';

/** A rising function by its corners: straight lines between them, constant beyond. */
export interface Calibration {
  readonly at: readonly number[];
  readonly probability: readonly number[];
}

interface Block {
  sum: number;
  weight: number;
  first: number;
  last: number;
}

/**
 * Isotonic regression: the rising function with the least squared distance from the points, by pooling neighbours that fall. Points ascending by `at`, each once; as
 * scikit-learn's `IsotonicRegression(out_of_bounds='clip')` after it has averaged equal scores.
 */
export function isotonic(
  points: readonly { readonly at: number; readonly mean: number; readonly weight: number }[],
): Calibration {
  const blocks: Block[] = [];
  for (const { at, mean, weight } of points) {
    if (!(weight > 0)) continue;
    let block: Block = { sum: mean * weight, weight, first: at, last: at };
    for (let before = blocks.at(-1); before !== undefined; before = blocks.at(-1)) {
      if (before.sum / before.weight < block.sum / block.weight) break;
      blocks.pop();
      block = {
        sum: before.sum + block.sum,
        weight: before.weight + block.weight,
        first: before.first,
        last: block.last,
      };
    }
    blocks.push(block);
  }
  const at: number[] = [];
  const probability: number[] = [];
  for (const { sum, weight, first, last } of blocks) {
    for (const corner of first === last ? [first] : [first, last]) {
      at.push(corner);
      probability.push(sum / weight);
    }
  }
  return { at, probability };
}

/** Of raw scores: equal ones become one point. */
export function calibrateScores(scores: Float64Array, labels: Uint8Array): Calibration {
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[a] - scores[b]);
  const points: { at: number; mean: number; weight: number }[] = [];
  for (let start = 0; start < order.length; ) {
    let [end, positives] = [start, 0];
    while (end < order.length && scores[order[end]] === scores[order[start]]) positives += labels[order[end++]];
    points.push({ at: scores[order[start]], mean: positives / (end - start), weight: end - start });
    start = end;
  }
  return isotonic(points);
}

/** Of a labelled reference that was counted: each bin is one point in its middle. */
export function calibrateHistogram({ positives, negatives }: ScoreHistogram): Calibration {
  const points = Array.from({ length: SCORE_BINS }, (_, i) => {
    const weight = positives[i] + negatives[i];
    return { at: (i + 0.5) / SCORE_BINS, mean: weight > 0 ? positives[i] / weight : 0, weight };
  });
  return isotonic(points);
}

/** The calibrated probability of a score. A calibration without a corner leaves scores as they are. */
export function calibrated({ at, probability }: Calibration, score: number): number {
  const last = at.length - 1;
  if (last < 0) return score;
  if (score <= at[0]) return probability[0];
  if (score >= at[last]) return probability[last];
  let [low, high] = [0, last];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (at[middle] <= score) low = middle;
    else high = middle;
  }
  const way = (score - at[low]) / (at[high] - at[low]);
  return probability[low] + way * (probability[high] - probability[low]);
}

/** Scores that are probabilities already. */
export const UNCALIBRATED: Calibration = { at: [], probability: [] };
