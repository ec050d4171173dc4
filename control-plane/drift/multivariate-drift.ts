import type { FeatureColumn } from './statistics/feature-matrix.js';
import { isMeasured } from './statistics/measurement.js';
import { fitComponents, reconstructionError, reconstructionThresholds } from './statistics/reconstruction-error.js';
import { type ChunkThresholds, judgeByChunks, LEAST_SAMPLES } from './statistics/verdict.js';

/** Whether features still vary together as they did: the mean reconstruction error of rows, as NannyML. */
export interface MultivariateDrift {
  readonly method: 'pca';
  readonly verdict: 'ok' | 'drift' | 'noData';
  /** Directions that are kept of how many columns. */
  readonly components: number;
  readonly columns: number;
  readonly value?: number;
  /** Mean ± 3 deviations over chunks of the reference. */
  readonly thresholds?: ChunkThresholds;
  /** Rows on each side. */
  readonly rows: { readonly reference: number; readonly current: number };
}

/** The cost grows with rows × columns²: more rows would keep the API waiting, and the mean of so many does not need them. */
export const MOST_ROWS = 10_000;
const CHUNKS = 10;

/** Both sides have the same columns, their rows in an order by chance. Fewer than `least` rows in a chunk are no verdict. */
export function multivariateDrift(
  reference: readonly FeatureColumn[],
  current: readonly FeatureColumn[],
  least: number = LEAST_SAMPLES,
): MultivariateDrift {
  const head = (columns: readonly FeatureColumn[], from: number, to: number) =>
    columns.map((column) => ({ ...column, values: column.values.slice(from, to) }));
  const [before, now] = [head(reference, 0, MOST_ROWS), head(current, 0, MOST_ROWS)];
  const rows = { reference: before[0]?.values.length ?? 0, current: now[0]?.values.length ?? 0 };
  const chunk = Math.floor(rows.reference / CHUNKS);
  const base = { method: 'pca', columns: reference.length, rows } as const;
  if (chunk < least || rows.current < least) return { ...base, verdict: 'noData', components: 0 };
  const components = fitComponents(before);
  const chunks = Array.from({ length: CHUNKS }, (_, i) => head(before, i * chunk, (i + 1) * chunk));
  const thresholds = reconstructionThresholds(components, chunks);
  const error = reconstructionError(components, now);
  const found = { ...base, components: components.directions.length };
  if (!isMeasured(error) || thresholds === undefined) return { ...found, verdict: 'noData' };
  const { value } = error;
  return { ...found, ...judgeByChunks(value, thresholds), value, thresholds };
}
