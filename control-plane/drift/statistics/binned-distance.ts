import type { NumericBins } from '../../../contract/bin-spec.js';
import type { FeatureCounts } from './feature-counts.js';
import { quickKolmogorovPValue } from './kolmogorov-p-value.js';
import { absent, emptySide, type Measurement, measured } from './measurement.js';

/** Least and greatest finite value of both sides together: how wide the two open bins are. */
export interface Extremes {
  readonly least: number;
  readonly greatest: number;
}

const LEAST_SCALE = 0.001;

/**
 * D from the counts of fine bins. Between two edges the two distribution functions are only known at both ends, so the true D lies between the largest
 * difference at an edge, which is `value`, and the largest that the ends of a bin allow: `error` is the gap.
 */
export function binnedKolmogorovSmirnov(reference: FeatureCounts, current: FeatureCounts): Measurement {
  const empty = emptySide(reference.n, current.n);
  if (empty !== undefined) return absent(empty);
  const { value, error } = largestGap(reference, current);
  return measured(value, { p: quickKolmogorovPValue(value, reference.n, current.n), error });
}

/** D alone: its p-value costs far more. Both sides have rows. */
export function largestGap(
  reference: FeatureCounts,
  current: FeatureCounts,
): { readonly value: number; readonly error: number } {
  let [below, belowCurrent, least, most] = [0, 0, 0, 0];
  for (let i = 0; i < reference.fine.length; i++) {
    const upTo = below + reference.fine[i] / reference.n;
    const upToCurrent = belowCurrent + current.fine[i] / current.n;
    least = Math.max(least, Math.abs(upTo - upToCurrent));
    most = Math.max(most, upTo - belowCurrent, upToCurrent - below);
    [below, belowCurrent] = [upTo, upToCurrent];
  }
  const value = Math.min(1, least);
  return { value, error: Math.min(1, most) - value };
}

interface Position {
  readonly at: number;
  /** How far a value of this bin can be from `at`; undefined: nobody knows. */
  readonly reach: number | undefined;
}

/** Where the mass of each fine bin is put: its middle. */
function positions(bins: NumericBins, extremes: Extremes | undefined): readonly Position[] {
  const { edges } = bins;
  const [first, last] = [edges[0], edges[edges.length - 1]];
  const middle = (low: number, high: number): Position => ({ at: low / 2 + high / 2, reach: high / 2 - low / 2 });
  const below = extremes === undefined ? undefined : middle(Math.min(extremes.least, first), first);
  const above = extremes === undefined ? undefined : middle(last, Math.max(extremes.greatest, last));
  const inner = edges.length === 1 ? [middle(first, first)] : edges.slice(1).map((edge, i) => middle(edges[i], edge));
  return [below ?? { at: first, reach: undefined }, ...inner, above ?? { at: last, reach: undefined }];
}

/** By how much the first Wasserstein distance between a side and its bins' middles can differ from 0; undefined: not bounded. */
function displacement(side: FeatureCounts, where: readonly Position[]): number | undefined {
  let sum = 0;
  for (const [i, { reach }] of where.entries()) {
    if (side.fine[i] === 0) continue;
    if (reach === undefined) return undefined;
    sum += (side.fine[i] / side.n) * reach;
  }
  return sum;
}

const finite = (value: number): number => Math.min(value, Number.MAX_VALUE);

/** ∫|F − G| with the mass of each bin in its middle; moving it there changed either side by at most Σ share · half a width. */
export function binnedWasserstein(
  bins: NumericBins,
  reference: FeatureCounts,
  current: FeatureCounts,
  extremes?: Extremes,
): Measurement {
  const empty = emptySide(reference.n, current.n);
  if (empty !== undefined) return absent(empty);
  const where = positions(bins, extremes);
  let [difference, distance] = [0, 0];
  for (let i = 0; i + 1 < where.length; i++) {
    difference += reference.fine[i] / reference.n - current.fine[i] / current.n;
    // A difference of nothing over an infinite width would be NaN.
    if (difference !== 0) distance += Math.abs(difference) * (where[i + 1].at - where[i].at);
  }
  const [moved, movedCurrent] = [displacement(reference, where), displacement(current, where)];
  const known = moved !== undefined && movedCurrent !== undefined;
  return measured(finite(distance), known ? { error: finite(moved + movedCurrent) } : {});
}

interface Scale {
  readonly value: number;
  readonly error: number | undefined;
}

/** Population standard deviation of the reference from its bins: moving values changes it by at most the root of the mean square of the way. */
function referenceScale(bins: NumericBins, reference: FeatureCounts, extremes: Extremes | undefined): Scale {
  const where = positions(bins, extremes);
  const used = where.flatMap((position, i) =>
    reference.fine[i] === 0 ? [] : [{ ...position, share: reference.fine[i] / reference.n }],
  );
  // Squares of values beyond 1e154 are no doubles: everything is measured in the largest of them.
  const unit = used.reduce((most, { at, reach }) => Math.max(most, Math.abs(at), reach ?? 0), 0) || 1;
  const mean = used.reduce((sum, { at, share }) => sum + share * (at / unit), 0);
  const value = unit * Math.sqrt(used.reduce((sum, { at, share }) => sum + share * (at / unit - mean) ** 2, 0));
  const isKnown = used.every(({ reach }) => reach !== undefined);
  const error = unit * Math.sqrt(used.reduce((sum, { reach, share }) => sum + share * ((reach ?? 0) / unit) ** 2, 0));
  return { value: finite(value), error: isKnown ? finite(error) : undefined };
}

/** The value of `binnedWassersteinNormed` alone, for many windows of one reference: what follows from the reference is computed once. All sides have rows. */
export function wassersteinNormedTo(
  bins: NumericBins,
  reference: FeatureCounts,
  extremes?: Extremes,
): (current: FeatureCounts) => number {
  const at = Float64Array.from(positions(bins, extremes), (position) => position.at);
  const norm = Math.max(referenceScale(bins, reference, extremes).value, LEAST_SCALE);
  return (current) => {
    let [difference, distance] = [0, 0];
    for (let i = 0; i + 1 < at.length; i++) {
      difference += reference.fine[i] / reference.n - current.fine[i] / current.n;
      if (difference !== 0) distance += Math.abs(difference) * (at[i + 1] - at[i]);
    }
    return finite(finite(distance) / norm);
  };
}

/** W1 / max(σ of the reference, 0.001), as Evidently. `sigma`: the exact σ where it is known. */
export function binnedWassersteinNormed(
  bins: NumericBins,
  reference: FeatureCounts,
  current: FeatureCounts,
  extremes?: Extremes,
  sigma?: number,
): Measurement {
  const plain = binnedWasserstein(bins, reference, current, extremes);
  if (plain.absence !== undefined) return plain;
  const scale = sigma === undefined ? referenceScale(bins, reference, extremes) : { value: sigma, error: 0 };
  const norm = Math.max(scale.value, LEAST_SCALE);
  const value = finite(plain.value / norm);
  if (plain.error === undefined || scale.error === undefined) return measured(value);
  const [leastNorm, mostNorm] = [
    Math.max(scale.value - scale.error, LEAST_SCALE),
    Math.max(scale.value + scale.error, LEAST_SCALE),
  ];
  const most = (plain.value + plain.error) / leastNorm;
  const least = Math.max(0, plain.value - plain.error) / mostNorm;
  return measured(value, { error: finite(Math.max(most - value, value - least)) });
}
