import { BIN_FIRST, binCount, type CategoricalBins, MOST_BINS, type NumericBins } from '../../contract/bin-spec.js';

/** What was found of a numeric column: finite values only. */
export interface NumericSummary {
  readonly least: number;
  readonly greatest: number;
  /** Ascending; all distinct values where there are at most FEW_VALUES, else undefined. */
  readonly values: readonly number[] | undefined;
  readonly quantiles: readonly number[];
}

/** Up to so many distinct values each has a bin of its own: whole numbers, flags, codes. */
export const FEW_VALUES = 64;
const COARSE_BINS = 32;

/** How many fine bins each of so many features may have: a statement with all of their edges must stay below its limit. */
export function fineBins(features: number): number {
  return Math.max(COARSE_BINS, Math.min(MOST_BINS, Math.floor(32_000 / Math.max(1, features))));
}

/** Edges of a numeric column: one bin a value where there are few, else as many rows in each as quantiles give. */
export function numericEdges(summary: NumericSummary): Pick<NumericBins, 'edges' | 'coarse'> {
  const { least, greatest, values, quantiles } = summary;
  if (!Number.isFinite(least)) return { edges: [0], coarse: [0] };
  if (least === greatest) return { edges: [least], coarse: [0] };
  const edges = values === undefined ? ascending([least, ...quantiles, greatest]) : ofValues(values);
  return { edges, coarse: coarseEdges(edges.length) };
}

/** Each value begins an interval; the last one's ends beyond it, so that it is not shared with the value before. */
function ofValues(values: readonly number[]): number[] {
  const edges = ascending(values);
  const [before, last] = edges.slice(-2);
  const beyond = last + (last - before);
  return Number.isFinite(beyond) && beyond > last ? [...edges, beyond] : edges;
}

function ascending(values: readonly number[]): number[] {
  return [...new Set(values)].filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
}

/** Indexes of about COARSE_BINS + 1 edges, evenly chosen, the first and the last among them. */
function coarseEdges(edges: number): number[] {
  const intervals = edges - 1;
  const groups = Math.min(intervals, COARSE_BINS);
  return Array.from({ length: groups + 1 }, (_, i) => Math.round((i * intervals) / groups));
}

/** The most frequent categories; the others count as unseen, on both sides. */
export function categoriesOf(counted: readonly string[]): CategoricalBins['categories'] {
  return counted.filter((category) => category !== '').slice(0, MOST_BINS - BIN_FIRST);
}

/** Counts by bin number as a list that is as long as the feature's bins. */
export function countsInOrder(
  bins: Omit<NumericBins, 'reference'> | Omit<CategoricalBins, 'reference'>,
  counted: ReadonlyMap<number, number>,
): number[] {
  const length = binCount({ ...bins, reference: [] });
  return Array.from({ length }, (_, bin) => counted.get(bin) ?? 0);
}
