import type { Absence, Measure, Measurement } from './measurement.js';

/** What decides: a distance from `distance` on, or a p-value below `p`. `closed`: p equal to the limit is drift too. */
export interface Threshold {
  readonly by: 'value' | 'p';
  readonly limit: number;
  readonly closed?: boolean;
}

/** Evidently's: p ≤ 0.05 for Kolmogorov-Smirnov, p < 0.05 for chi-squared and z, 0.1 for distances. Rates are tests of two proportions. */
export const DEFAULT_THRESHOLDS: Readonly<Record<Measure, Threshold>> = {
  psi: { by: 'value', limit: 0.1 },
  jensenShannon: { by: 'value', limit: 0.1 },
  wasserstein: { by: 'value', limit: 0.1 },
  wassersteinNormed: { by: 'value', limit: 0.1 },
  kolmogorovSmirnov: { by: 'p', limit: 0.05, closed: true },
  chiSquared: { by: 'p', limit: 0.05 },
  chiSquaredContingency: { by: 'p', limit: 0.05 },
  proportions: { by: 'p', limit: 0.05 },
  hellinger: { by: 'value', limit: 0.1 },
  lInfinity: { by: 'value', limit: 0.1 },
  nullRate: { by: 'value', limit: 0.1 },
  rangeRate: { by: 'value', limit: 0.1 },
  unseenRate: { by: 'value', limit: 0.1 },
};

/** Fewer rows than this say nothing about a distribution. */
export const LEAST_SAMPLES = 30;

export interface Judged {
  readonly verdict: 'ok' | 'drift' | 'noData';
  /** Why `noData`: an absent measure, `fewSamples`, or `allNull`: there were rows, and none had a value. */
  readonly reason?: Absence | 'fewSamples' | 'allNull';
}

export interface Judgement {
  readonly measurement: Measurement;
  readonly threshold: Threshold;
  /** Rows with a value on the smaller side. */
  readonly samples: number;
  readonly least_samples?: number;
  /** p after the correction for many features: decides instead of the measurement's own. */
  readonly corrected_p?: number;
}

/**
 * Too few rows are no verdict, whatever the number. A column that is the same constant on both sides has not drifted: its tests have nothing to
 * compare, and that is `ok`, not `noData`.
 */
export function judge(of: Judgement): Judged {
  const { measurement, threshold } = of;
  if (measurement.absence === 'noData' || measurement.absence === 'noReference') {
    return { verdict: 'noData', reason: measurement.absence };
  }
  if (of.samples < (of.least_samples ?? LEAST_SAMPLES)) return { verdict: 'noData', reason: 'fewSamples' };
  if (measurement.absence !== undefined) return { verdict: 'ok' };
  if (threshold.by === 'value') return { verdict: Math.abs(measurement.value) >= threshold.limit ? 'drift' : 'ok' };
  const p = of.corrected_p ?? measurement.p;
  if (p === undefined) throw new RangeError('a threshold of p for a measure that has none');
  return { verdict: p < threshold.limit || (threshold.closed === true && p === threshold.limit) ? 'drift' : 'ok' };
}

/** Evidently's share of drifted columns at which a data set has drifted. */
export const DRIFTED_SHARE = 0.5;

export interface DataSetVerdict extends Judged {
  readonly drifted: number;
  /** Columns that had a verdict. */
  readonly judged: number;
  readonly share: number;
}

export function judgeDataSet(columns: readonly Judged[], limit: number = DRIFTED_SHARE): DataSetVerdict {
  const judged = columns.filter(({ verdict }) => verdict !== 'noData').length;
  const drifted = columns.filter(({ verdict }) => verdict === 'drift').length;
  if (judged === 0) return { verdict: 'noData', reason: 'noData', drifted, judged, share: 0 };
  const share = drifted / judged;
  return { verdict: share >= limit ? 'drift' : 'ok', drifted, judged, share };
}

/** NannyML's thresholds: mean ± 3 population standard deviations of a measure over chunks of the reference. */
export interface ChunkThresholds {
  readonly low: number;
  readonly high: number;
}

export function chunkThresholds(
  values: readonly number[],
  limits: { readonly least?: number; readonly most?: number; readonly deviations?: number } = {},
): ChunkThresholds | undefined {
  if (values.length === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const reach = (limits.deviations ?? 3) * Math.sqrt(variance);
  return {
    low: Math.max(mean - reach, limits.least ?? Number.NEGATIVE_INFINITY),
    high: Math.min(mean + reach, limits.most ?? Number.POSITIVE_INFINITY),
  };
}

export function judgeByChunks(value: number, { low, high }: ChunkThresholds): Judged {
  return { verdict: value < low || value > high ? 'drift' : 'ok' };
}
