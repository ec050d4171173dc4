import { BIN_NULL, BIN_OUTSIDE, binCount, type FeatureBins } from '../../../contract/bin-spec.js';

/** Counts of one side, cut the ways that measures need. */
export interface FeatureCounts {
  readonly nulls: number;
  /** Rows that had a value. */
  readonly n: number;
  /** Numeric: below the lowest or above the highest edge. Categorical: a category that the reference did not have. */
  readonly outside: number;
  /** By ascending value: below, the intervals, above. Categorical: unseen, then the categories. */
  readonly fine: Float64Array;
  /** Numeric: below, the coarse bins, above. Categorical: as `fine`. */
  readonly coarse: Float64Array;
}

/** `counts` by bin number, as in `drift_hist`; bins beyond its end are empty. */
export function featureCounts(bins: FeatureBins, counts: ArrayLike<number>): FeatureCounts {
  const length = binCount(bins);
  if (counts.length > length) {
    throw new RangeError(`${bins.feature} has ${length} bins, and ${counts.length} counts were given`);
  }
  const of = (bin: number): number => (bin < counts.length ? counts[bin] : 0);
  const fine = Float64Array.from({ length: length - 1 }, (_, i) => of(BIN_OUTSIDE + i));
  let n = 0;
  for (const count of fine) n += count;
  const above = bins.kind === 'numeric' ? of(length - 1) : 0;
  return {
    nulls: of(BIN_NULL),
    n,
    outside: of(BIN_OUTSIDE) + above,
    fine,
    coarse: bins.kind === 'numeric' && bins.edges.length > 1 ? coarseCounts(bins.coarse, fine) : fine,
  };
}

/** `fine[0]` is below, `fine[i + 1]` the interval from edge i on. */
function coarseCounts(coarse: readonly number[], fine: Float64Array): Float64Array {
  const out = new Float64Array(coarse.length + 1);
  out[0] = fine[0];
  out[coarse.length] = fine[fine.length - 1];
  for (let group = 0; group + 1 < coarse.length; group++) {
    for (let edge = coarse[group]; edge < coarse[group + 1]; edge++) out[group + 1] += fine[edge + 1];
  }
  return out;
}

/** Both sides without the bins that are empty on both: frozen bins that nobody is in say nothing, and must not be filled. */
export function occupied(reference: Float64Array, current: Float64Array): readonly [Float64Array, Float64Array] {
  const used = (_: number, i: number): boolean => reference[i] > 0 || current[i] > 0;
  return [reference.filter(used), current.filter(used)];
}
