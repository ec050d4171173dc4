import type { FeatureBins } from '../../../contract/bin-spec.js';
import {
  binnedKolmogorovSmirnov,
  binnedWasserstein,
  binnedWassersteinNormed,
  type Extremes,
  largestGap,
  wassersteinNormedTo,
} from './binned-distance.js';
import { chiSquaredContingency, chiSquaredGoodness, proportions } from './chi-squared.js';
import { type FeatureCounts, featureCounts, occupied } from './feature-counts.js';
import { hellinger, jensenShannon, lInfinity, psi } from './histogram-distance.js';
import { absent, emptySide, type Measure, type Measurement, measured } from './measurement.js';

export interface BinnedWindow {
  readonly bins: FeatureBins;
  /** Rows of the window by bin number, as long as `binCount(bins)` or shorter. */
  readonly current: ArrayLike<number>;
  /** Other counts than the spec's own: the same hour last week, another version. */
  readonly reference?: ArrayLike<number>;
  /** Over both sides; without them Wasserstein has no error bound where rows lie outside of the edges. */
  readonly extremes?: Extremes;
  /** Population standard deviation of the reference where it is known exactly. */
  readonly sigma?: number;
}

export type Measurements = Readonly<Partial<Record<Measure, Measurement>>>;

/**
 * Every measure that suits the feature, from counts alone: the cost follows the bins, not the rows. PSI, Jensen-Shannon, Hellinger, L-infinity and chi-squared
 * use the coarse bins, Kolmogorov-Smirnov and Wasserstein the fine ones. Rows without a value count for `nullRate` only.
 */
export function measureBinned(window: BinnedWindow): Measurements {
  const { bins } = window;
  const reference = featureCounts(bins, window.reference ?? bins.reference);
  const current = featureCounts(bins, window.current);
  const [p, c] = occupied(reference.coarse, current.coarse);
  const shared: Measurements = {
    psi: psi(p, c),
    jensenShannon: jensenShannon(p, c),
    hellinger: hellinger(p, c),
    lInfinity: lInfinity(p, c),
    chiSquared: chiSquaredGoodness(p, c),
    chiSquaredContingency: chiSquaredContingency(p, c),
    nullRate: rate(
      side(reference.nulls, reference.nulls + reference.n),
      side(current.nulls, current.nulls + current.n),
    ),
  };
  const outside = rate(side(reference.outside, reference.n), side(current.outside, current.n));
  if (bins.kind === 'categorical') return { ...shared, ...twoCategories(p, c), unseenRate: outside };
  return {
    ...shared,
    rangeRate: outside,
    kolmogorovSmirnov: binnedKolmogorovSmirnov(reference, current),
    wasserstein: binnedWasserstein(bins, reference, current, window.extremes),
    wassersteinNormed: binnedWassersteinNormed(bins, reference, current, window.extremes, window.sigma),
  };
}

/**
 * The value of one measure alone, for many windows of one reference: without p-values, which cost the most. undefined where it has none, or fewer than
 * `least` rows have a value.
 */
export function valuesOf(
  measure: Measure,
  side: Omit<BinnedWindow, 'current'>,
  least: number,
): (current: ArrayLike<number>) => number | undefined {
  const { bins } = side;
  const reference = featureCounts(bins, side.reference ?? bins.reference);
  const value = reference.n === 0 ? () => undefined : valueOver(measure, side, reference);
  return (counts) => {
    const current = featureCounts(bins, counts);
    return Math.min(reference.n, current.n) < Math.max(1, least) ? undefined : value(current, counts);
  };
}

type Value = (current: FeatureCounts, counts: ArrayLike<number>) => number | undefined;

function valueOver(measure: Measure, side: Omit<BinnedWindow, 'current'>, reference: FeatureCounts): Value {
  const { bins, extremes } = side;
  if (measure === 'jensenShannon') {
    return (current) => numberOf(jensenShannon(...occupied(reference.coarse, current.coarse)));
  }
  if (bins.kind === 'numeric') {
    if (measure === 'kolmogorovSmirnov') return (current) => largestGap(reference, current).value;
    if (measure === 'wassersteinNormed') return wassersteinNormedTo(bins, reference, extremes);
  }
  return (_, counts) => numberOf(measureBinned({ ...side, current: counts })[measure]);
}

function numberOf(measurement: Measurement | undefined): number | undefined {
  return measurement === undefined || measurement.absence !== undefined ? undefined : measurement.value;
}

type Side = { readonly hits: number; readonly n: number };
const side = (hits: number, n: number): Side => ({ hits, n });

/** By how much a share grew since the reference, with the p-value of two proportions: 1 where no row differs from another. */
export function rate(reference: Side, current: Side): Measurement {
  const empty = emptySide(reference.n, current.n);
  if (empty !== undefined) return absent(empty);
  const test = proportions(reference, current);
  const p = test.absence === undefined ? (test.p ?? 1) : 1;
  return measured(current.hits / current.n - reference.hits / reference.n, { p, error: 0 });
}

/** The z-test where exactly two categories occur; as in Evidently, z is positive where the second one has become rarer. */
function twoCategories(p: Float64Array, c: Float64Array): Measurements {
  if (p.length !== 2) return {};
  return { proportions: proportions(side(p[1], p[0] + p[1]), side(c[1], c[0] + c[1])) };
}
