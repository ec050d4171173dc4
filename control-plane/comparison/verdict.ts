import { fairCoinTwoSided, normalCritical, normalTwoSided } from '../drift/statistics/tail-probability.js';
import type { Difference } from './statistics/paired-auroc.js';

/** `pass`: surely no worse than the margin allows; `fail`: surely worse; `inconclusive`: the evidence does not tell. No evidence is never a pass. */
export type GateVerdict = 'pass' | 'fail' | 'inconclusive';

export interface Judged extends Difference {
  /** Confidence interval of the difference, in which larger is better for the challenger. */
  readonly gain: { readonly low: number; readonly value: number; readonly high: number };
  /** Two-sided: how surprising the difference is, if there is none. */
  readonly p: number;
  readonly verdict: GateVerdict;
  readonly reason?: string;
}

export interface GateRules {
  /** How much worse is still no worse. */
  readonly margin: number;
  /** 0.05: intervals of 95 %. */
  readonly alpha: number;
  readonly min_samples: number;
}

/** `rows`: pairs; `largerIsBetter`: of the metric itself. */
export function judgeDifference(
  found: Difference,
  rows: number,
  largerIsBetter: boolean,
  { margin, alpha, min_samples }: GateRules,
): Judged {
  const value = largerIsBetter ? found.difference : -found.difference;
  const reach = normalCritical(alpha) * found.standard_error;
  const gain = { low: value - reach, value, high: value + reach };
  const p = found.standard_error === 0 ? Number(value === 0) : normalTwoSided(value / found.standard_error);
  if (rows < min_samples)
    return { ...found, gain, p, verdict: 'inconclusive', reason: `${rows} pairs, of at least ${min_samples}` };
  if (gain.low >= -margin) return { ...found, gain, p, verdict: 'pass' };
  return { ...found, gain, p, verdict: gain.high < -margin ? 'fail' : 'inconclusive' };
}

/** McNemar's exact test: of the pairs in which one alone is right, whether it is as often the one as the other. */
export function mcnemar(onlyFirst: number, onlySecond: number): number {
  return fairCoinTwoSided(onlyFirst, onlyFirst + onlySecond);
}
