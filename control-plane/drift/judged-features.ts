import type { Measurements } from './statistics/binned.js';
import { type Correction, correctedPValues } from './statistics/correction.js';
import type { FeatureCounts } from './statistics/feature-counts.js';
import { isMeasured, type Measure } from './statistics/measurement.js';
import { type Judged, judge, type Threshold } from './statistics/verdict.js';

export interface FeatureDrift extends Judged {
  readonly feature: string;
  readonly kind: 'numeric' | 'categorical';
  /** The measure that the verdict rests on: Evidently's choice for so many rows of such a kind. */
  readonly measure: Measure;
  readonly threshold: Threshold;
  readonly samples: { readonly reference: number; readonly current: number };
  /** Shares by coarse bin, below and above included: what a picture shows. */
  readonly shares: { readonly reference: readonly number[]; readonly current: readonly number[] };
  readonly measures: Measurements;
}

export type Measured = Omit<FeatureDrift, 'verdict' | 'reason'>;

/** With their verdicts, most drifted first. */
export function judgedFeatures(
  measured: readonly Measured[],
  request: { readonly correction: Correction; readonly least_samples: number },
): FeatureDrift[] {
  const corrected = correctedP(measured, request.correction);
  const features = measured.map((one, i): FeatureDrift => {
    const samples = Math.min(one.samples.reference, one.samples.current);
    const measurement = one.measures[one.measure];
    if (measurement === undefined) throw new RangeError(`${one.feature}: ${one.measure} was not measured`);
    const p = corrected.get(i);
    const judged = judge({
      measurement,
      threshold: one.threshold,
      samples,
      least_samples: request.least_samples,
      ...(p === undefined ? {} : { corrected_p: p }),
    });
    return { ...one, ...(judged.reason === 'noData' && hasRows(one) ? { ...judged, reason: 'allNull' } : judged) };
  });
  return features.sort((a, b) => severity(b) - severity(a));
}

/** Where a share of rows without a value is known, there are rows. */
function hasRows({ measures }: Measured): boolean {
  return measures.nullRate !== undefined && isMeasured(measures.nullRate);
}

/** Shares by coarse bin; all 0 where there is no row. */
export function coarseShares({ coarse, n }: FeatureCounts): number[] {
  return Array.from(coarse, (count) => (n === 0 ? 0 : count / n));
}

/** Corrects the p-values of those features that are judged by one, together. */
function correctedP(features: readonly Measured[], correction: Correction): ReadonlyMap<number, number> {
  const tested = features.flatMap(({ measure, measures, threshold }, i) => {
    const measurement = measures[measure];
    const p = measurement !== undefined && isMeasured(measurement) && threshold.by === 'p' ? measurement.p : undefined;
    return p === undefined ? [] : [{ i, p }];
  });
  const corrected = correctedPValues(
    tested.map(({ p }) => p),
    correction,
  );
  return new Map(tested.map(({ i }, k) => [i, corrected[k]]));
}

/** How far beyond its threshold a feature is: 1 is at it. */
function severity({ measure, measures, threshold }: FeatureDrift): number {
  const measurement = measures[measure];
  if (measurement === undefined || !isMeasured(measurement)) return -1;
  if (threshold.by === 'value') return Math.abs(measurement.value) / threshold.limit;
  return threshold.limit / Math.max(measurement.p ?? 1, 1e-12);
}
