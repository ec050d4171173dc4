import type { Difference, SequentialVerdict } from './arms.js';

/**
 * The mixture sequential probability ratio test of a difference against `null`: the likelihood ratio under effects drawn from a normal distribution of
 * the variance `mixture` against no effect. Under no effect it exceeds 1/α at any time with probability α at most, so it may be looked at after every
 * request. Differences of means are taken as normal, which asks for enough samples of each arm (the metric's minSamples).
 *
 * `mixture` is the square of the effect that one hopes to find: much larger or smaller ones are found later, never falsely.
 */
export interface MixtureReading {
  /** Logarithm of the likelihood ratio. */
  readonly logRatio: number;
  /** Always valid: it may be the smallest of all looks so far. */
  readonly pValue: number;
  /** Of a confidence sequence: all of them, at all looks together, hold the truth with probability 1 − α. */
  readonly low: number;
  readonly high: number;
}

export function mixtureReading(
  { by, variance }: Difference,
  mixture: number,
  alpha: number,
  null_ = 0,
): MixtureReading {
  // Nothing is known of an arm without samples; and an exact difference would be sure of anything.
  if (!Number.isFinite(variance) || !(variance > 0) || !Number.isFinite(by)) {
    return { logRatio: 0, pValue: 1, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  }
  const total = variance + mixture;
  const effect = by - null_;
  const logRatio = 0.5 * Math.log(variance / total) + (mixture * effect * effect) / (2 * variance * total);
  const half = Math.sqrt(((variance * total) / mixture) * (2 * Math.log(1 / alpha) + Math.log(total / variance)));
  return { logRatio, pValue: Math.min(1, Math.exp(-logRatio)), low: by - half, high: by + half };
}

/**
 * Fail: the candidate is worse than the champion by more than `margin`, for sure. Pass: it is not, for sure. `seen` is the confidence sequence of the
 * looks before: what was once shut out stays so, which makes the interval as narrow as the looks allow.
 */
export function mixtureVerdict(
  worse: Difference,
  { margin, mixture, alpha }: { readonly margin: number; readonly mixture: number; readonly alpha: number },
  seen: { readonly low: number; readonly high: number } = {
    low: Number.NEGATIVE_INFINITY,
    high: Number.POSITIVE_INFINITY,
  },
): { readonly verdict: SequentialVerdict; readonly low: number; readonly high: number } {
  const now = mixtureReading(worse, mixture, alpha);
  const low = Math.max(seen.low, now.low);
  const high = Math.min(seen.high, now.high);
  // Both bounds beyond each other happens where the truth has moved meanwhile: then nothing is known.
  if (low > high) return { verdict: 'inconclusive', low, high };
  return { verdict: low > margin ? 'fail' : high < margin ? 'pass' : 'inconclusive', low, high };
}
