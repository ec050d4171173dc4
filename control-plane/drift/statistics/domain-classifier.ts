import { auroc } from '../../performance/metrics/labelled-scores.js';
import { domainRows } from './domain-rows.js';
import type { FeatureColumn } from './feature-matrix.js';
import { fitLogistic, logOdds } from './logistic-regression.js';

/** How well a model can tell rows of the window from those of the reference: 0.5 is not at all. */
export interface DomainAuroc {
  readonly value: number;
  /** Hanley and McNeil's, of the mean over the folds. */
  readonly standard_error: number;
}

export const FOLDS = 5;

/**
 * Cross-validated: each row is scored by a model that has not seen it, and ranked among the rows of its own fold. The folds follow from the order of the rows, so the
 * same rows have the same answer: they must come in an order by chance. Each fold needs rows of both sides.
 */
export function domainAuroc(reference: readonly FeatureColumn[], current: readonly FeatureColumn[]): DomainAuroc {
  const { rows, labels } = domainRows(reference, current);
  const before = labels.indexOf(1);
  const foldOf = (row: number) => (row < before ? row : row - before) % FOLDS;
  let [sum, variance] = [0, 0];
  for (let fold = 0; fold < FOLDS; fold++) {
    const [inside, outside]: [number[], number[]] = [[], []];
    for (let row = 0; row < rows.length; row++) (foldOf(row) === fold ? inside : outside).push(row);
    const labelsOf = (some: readonly number[]) => Uint8Array.from(some, (row) => labels[row]);
    const model = fitLogistic(
      outside.map((row) => rows[row]),
      labelsOf(outside),
    );
    const scores = Float64Array.from(inside, (row) => logOdds(model, rows[row]));
    const found = auroc({ scores, labels: labelsOf(inside) });
    if (found.absence !== undefined) throw new RangeError(`a fold has rows of one side only: ${found.absence}`);
    const positives = labelsOf(inside).reduce((count, label) => count + label, 0);
    sum += found.value;
    variance += standardError(found.value, positives, inside.length - positives) ** 2;
  }
  return { value: sum / FOLDS, standard_error: Math.sqrt(variance) / FOLDS };
}

/** Hanley and McNeil (1982): how far the AUROC of so many rows of each kind lies by chance. */
export function standardError(value: number, positives: number, negatives: number): number {
  const [first, second] = [value / (2 - value), (2 * value ** 2) / (1 + value)];
  const spread = value * (1 - value) + (positives - 1) * (first - value ** 2) + (negatives - 1) * (second - value ** 2);
  return Math.sqrt(Math.max(0, spread) / (positives * negatives));
}
