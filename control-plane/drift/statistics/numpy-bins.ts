import { meanOf, sigmaOf } from './sample.js';

/** Bins of one width, as numpy's `histogram_bin_edges` makes them from a rule's width: 0 means that the rule found none. */
function equalEdges(sorted: Float64Array, width: number): Float64Array {
  let [first, last] = [sorted[0], sorted[sorted.length - 1]];
  if (first === last) [first, last] = [first - 0.5, last + 0.5];
  const range = last - first;
  // A range that is itself no double, of values near ±1e308: one bin.
  const bins = width > 0 && Number.isFinite(range) ? Math.max(1, Math.ceil(range / width)) : 1;
  const step = range / bins;
  return Float64Array.from({ length: bins + 1 }, (_, i) => edgeAt(i, bins, first, last, step));
}

function edgeAt(i: number, bins: number, first: number, last: number, step: number): number {
  if (i === bins) return last;
  return i === 0 ? first : first + i * step;
}

/** numpy 2 makes no bin of whole numbers narrower than 1. */
function widthOf(width: number, isInteger: boolean): number {
  return isInteger && width > 0 && width < 1 ? 1 : width;
}

/** Sturges: range / (log₂ n + 1). `isInteger`: the column's type is one of whole numbers. Of at least one value, ascending. */
export function sturgesEdges(sorted: Float64Array, isInteger = false): Float64Array {
  const range = sorted[sorted.length - 1] - sorted[0];
  return equalEdges(sorted, widthOf(range / (Math.log2(sorted.length) + 1), isInteger));
}

/** Doane: Sturges with more bins for skewed values, range / (1 + log₂ n + log₂(1 + |g₁|/σ_g₁)). */
export function doaneEdges(sorted: Float64Array): Float64Array {
  const n = sorted.length;
  const sigma = n > 2 ? sigmaOf(sorted) : 0;
  if (!(sigma > 0)) return equalEdges(sorted, 0);
  const mean = meanOf(sorted);
  let cubes = 0;
  for (const value of sorted) cubes += ((value - mean) / sigma) ** 3;
  const spread = Math.sqrt((6 * (n - 2)) / ((n + 1) * (n + 3)));
  const bins = 1 + Math.log2(n) + Math.log2(1 + Math.abs(cubes / n) / spread);
  return equalEdges(sorted, (sorted[n - 1] - sorted[0]) / bins);
}

/** First position whose value is not below `edge`, or with `closed` not at or below it. */
function position(sorted: Float64Array, edge: number, closed: boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < edge || (closed && sorted[middle] === edge)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Values in [e(i), e(i+1)), the last bin closed; what lies outside of the edges is not counted. */
export function histogram(sorted: Float64Array, edges: Float64Array): Float64Array {
  const last = edges.length - 1;
  const at = Array.from(edges, (edge, i) => position(sorted, edge, i === last));
  return Float64Array.from({ length: last }, (_, i) => at[i + 1] - at[i]);
}
