import { chiSquaredContingency } from './chi-squared.js';
import { hellinger, jensenShannon, lInfinity } from './histogram-distance.js';
import { absent, emptySide, type Measurement } from './measurement.js';
import { doaneEdges, histogram } from './numpy-bins.js';
import { type CategoricalSample, type CountPair, categoryCounts } from './sample.js';
import { kolmogorovSmirnov, wasserstein } from './sample-distance.js';

export interface NannyMlMeasures {
  /** With base 2. */
  readonly jensenShannon: Measurement;
  readonly hellinger: Measurement;
  readonly kolmogorovSmirnov?: Measurement;
  readonly wasserstein?: Measurement;
  readonly chiSquared?: Measurement;
  readonly lInfinity?: Measurement;
}

/** Counts over Doane's bins of the reference; what the current sample has outside of them is one more bin. */
export function doaneCounts(reference: Float64Array, current: Float64Array): CountPair {
  const edges = doaneEdges(reference);
  const [p, c] = [histogram(reference, edges), histogram(current, edges)];
  const inside = c.reduce((sum, count) => sum + count, 0);
  return [Float64Array.of(...p, 0), Float64Array.of(...c, current.length - inside)];
}

/**
 * As NannyML for a reference of less than 10,000 rows. From there on it counts Kolmogorov-Smirnov and Wasserstein in 10,000 bins; these stay exact.
 * Both samples ascending.
 */
export function nannyMlNumeric(reference: Float64Array, current: Float64Array): NannyMlMeasures {
  const empty = emptySide(reference.length, current.length);
  if (empty !== undefined) {
    const nothing = absent(empty);
    return { jensenShannon: nothing, hellinger: nothing, kolmogorovSmirnov: nothing, wasserstein: nothing };
  }
  const [p, c] = doaneCounts(reference, current);
  return {
    jensenShannon: jensenShannon(p, c, 2),
    hellinger: hellinger(p, c),
    kolmogorovSmirnov: kolmogorovSmirnov(reference, current),
    wasserstein: wasserstein(reference, current),
  };
}

/** Categories that the reference did not have share one bin for the distances, and are one each for chi-squared and L-infinity. */
export function nannyMlCategorical(reference: CategoricalSample, current: CategoricalSample): NannyMlMeasures {
  const known = [...reference.counts.keys()].sort();
  let unseen = current.n;
  for (const name of known) unseen -= current.counts.get(name) ?? 0;
  const p = Float64Array.from([...known.map((name) => reference.counts.get(name) ?? 0), 0]);
  const c = Float64Array.from([...known.map((name) => current.counts.get(name) ?? 0), unseen]);
  const pair = categoryCounts(reference, current);
  return {
    jensenShannon: jensenShannon(p, c, 2),
    hellinger: hellinger(p, c),
    chiSquared: chiSquaredContingency(...pair),
    lInfinity: lInfinity(...pair),
  };
}
