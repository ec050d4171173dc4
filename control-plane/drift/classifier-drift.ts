import { domainAuroc, FOLDS } from './statistics/domain-classifier.js';
import type { FeatureColumn } from './statistics/feature-matrix.js';
import { LEAST_SAMPLES } from './statistics/verdict.js';

/** Whether a model can tell rows of the window from those of the reference. */
export interface ClassifierDrift {
  readonly method: 'classifier';
  readonly verdict: 'ok' | 'drift' | 'noData';
  /** Cross-validated AUROC: 0.5 is not at all, 1 without a mistake. */
  readonly value?: number;
  readonly standard_error?: number;
  /** From here on it is drift, where chance does not explain it. */
  readonly threshold: number;
  readonly columns: number;
  /** Rows on each side. */
  readonly rows: { readonly reference: number; readonly current: number };
}

/** The cost grows with rows × columns²; with so many the standard error is below 0.005. */
export const MOST_CLASSIFIED = 5000;
/** Evidently's, for embeddings. */
const THRESHOLD = 0.55;
/** Standard errors above 0.5 that chance does not reach in 99 of 100 windows. */
const DEVIATIONS = 2.33;

/** Both sides have the same columns, their rows in an order by chance. Fewer than `least` rows of a side in a fold are no verdict. */
export function classifierDrift(
  reference: readonly FeatureColumn[],
  current: readonly FeatureColumn[],
  least: number = LEAST_SAMPLES,
): ClassifierDrift {
  const head = (columns: readonly FeatureColumn[]) =>
    columns.map((column) => ({ ...column, values: column.values.slice(0, MOST_CLASSIFIED) }));
  const [before, now] = [head(reference), head(current)];
  const rows = { reference: before[0]?.values.length ?? 0, current: now[0]?.values.length ?? 0 };
  const base = { method: 'classifier', threshold: THRESHOLD, columns: reference.length, rows } as const;
  if (Math.min(rows.reference, rows.current) < FOLDS * Math.max(1, least)) return { ...base, verdict: 'noData' };
  const { value, standard_error } = domainAuroc(before, now);
  const isDrift = value >= THRESHOLD && value - DEVIATIONS * standard_error > 0.5;
  return { ...base, verdict: isDrift ? 'drift' : 'ok', value, standard_error };
}
