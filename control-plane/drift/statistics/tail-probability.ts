import { bdtr, chdtrc, compiled, kolmogorov, ndtr, ndtri, smirnov } from 'cephes';

await compiled;

/** The library throws where a probability is too small for a double; it is 0 then. */
function orZero(probability: () => number): number {
  try {
    return Math.min(1, Math.max(0, probability()));
  } catch (error) {
    if (error instanceof Error && error.message.includes('underflow')) return 0;
    throw error;
  }
}

/** P(χ² > x) with `degrees` of freedom. */
export function chiSquaredTail(x: number, degrees: number): number {
  if (degrees < 1 || x <= 0) return 1;
  return x === Number.POSITIVE_INFINITY ? 0 : orZero(() => chdtrc(degrees, x));
}

/** P(|Z| > |z|) of the standard normal distribution. */
export function normalTwoSided(z: number): number {
  return orZero(() => 2 * ndtr(-Math.abs(z)));
}

/** The z that a standard normal value is beyond, on either side, with probability `alpha`: 1.96 for 0.05. */
export function normalCritical(alpha: number): number {
  return -ndtri(alpha / 2);
}

/** Twice the smaller tail of k heads in n throws of a fair coin, at most 1: the exact test. */
export function fairCoinTwoSided(k: number, n: number): number {
  return n === 0 ? 1 : orZero(() => 2 * bdtr(Math.min(k, n - k), n, 0.5));
}

/** P(D⁺ > d) of n values, one-sided. */
export function smirnovTail(n: number, d: number): number {
  if (d <= 0) return 1;
  return d >= 1 ? 0 : orZero(() => smirnov(n, d));
}

/** P(√n·D > x) for n → ∞, two-sided. */
export function kolmogorovTail(x: number): number {
  return x <= 0 ? 1 : orZero(() => kolmogorov(x));
}
