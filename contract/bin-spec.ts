/**
 * Frozen reference of one model: edges and categories that rows are counted by. The shipper turns every row into bin numbers with it,
 * views in ClickHouse add them up, drift compares the sums with the reference's own. A spec never changes: a new reference is a new id.
 */
export interface BinSpec {
  /** Microseconds of its creation: later specs have larger ids. Fits a JavaScript number. */
  readonly spec_id: number;
  readonly model: string;
  /** 0: for every version of the model. */
  readonly version: number;
  /** In the order of `inference_log.bins`. */
  readonly features: readonly FeatureBins[];
}

export type FeatureBins = NumericBins | CategoricalBins;

interface FeatureOf {
  /** Name of a feature of the layout, or `@score`, or `@class`. */
  readonly feature: string;
  /** Rows of the reference in each bin; as long as `binCount`. */
  readonly reference: readonly number[];
}

/**
 * `edges` e0 < … < ek make k intervals [e(i), e(i+1)), the last one closed. Bin 0: NaN; 1: below e0 (and −inf); 2 … k+1: the intervals;
 * k+2: above ek (and +inf). A constant feature has one edge and no interval: then bin 2 is 'equal to it', 3 is above.
 */
export interface NumericBins extends FeatureOf {
  readonly kind: 'numeric';
  readonly edges: readonly number[];
  /** Every n-th edge is an edge of the coarse bins that PSI and Jensen-Shannon use: indexes into `edges`, ascending, first and last included. */
  readonly coarse: readonly number[];
}

/** Bin 0: empty; 1: a category that the reference did not have; 2 …: `categories[i − 2]`. */
export interface CategoricalBins extends FeatureOf {
  readonly kind: 'categorical';
  readonly categories: readonly string[];
}

export const BIN_NULL = 0;
/** Below the lowest edge, or an unseen category. */
export const BIN_OUTSIDE = 1;
export const BIN_FIRST = 2;
/** Most intervals or categories of one feature: bins travel as UInt16, and the states grow with them. */
export const MOST_BINS = 1000;

export const SCORE_FEATURE = '@score';
export const CLASS_FEATURE = '@class';

/** How many bin numbers a feature has. */
export function binCount(bins: FeatureBins): number {
  if (bins.kind === 'categorical') return BIN_FIRST + bins.categories.length;
  return BIN_FIRST + Math.max(1, bins.edges.length - 1) + 1;
}

/** The bin of a number: binary search over ascending `edges`. */
export function numericBin(edges: ArrayLike<number>, value: number): number {
  if (Number.isNaN(value)) return BIN_NULL;
  const last = edges.length - 1;
  if (value < edges[0]) return BIN_OUTSIDE;
  if (last === 0) return value > edges[0] ? BIN_FIRST + 1 : BIN_FIRST;
  if (value > edges[last]) return BIN_FIRST + last;
  let low = 0;
  let high = last - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (value >= edges[middle]) low = middle;
    else high = middle - 1;
  }
  return BIN_FIRST + low;
}
