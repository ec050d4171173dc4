import { absent, emptySide, type Measurement, measured, sumOf } from './measurement.js';
import { chiSquaredTail, normalTwoSided } from './tail-probability.js';

/** A statistic that would be infinite is written as this: the p-value beside it is 0, and JSON has no infinity. */
export const MOST_STATISTIC = Number.MAX_VALUE;

/**
 * Goodness of fit as Evidently: expected = reference · n_current / n_reference, categories − 1 degrees of freedom. A category that the reference did
 * not have was expected 0 times: p is 0 then. Categories that neither side has must not be given.
 */
export function chiSquaredGoodness(reference: ArrayLike<number>, current: ArrayLike<number>): Measurement {
  const [n, m] = [sumOf(reference), sumOf(current)];
  const empty = emptySide(n, m);
  if (empty !== undefined) return absent(empty);
  let statistic = 0;
  let categories = 0;
  for (let i = 0; i < reference.length; i++) {
    if (reference[i] === 0 && current[i] === 0) continue;
    categories++;
    if (reference[i] === 0) return measured(MOST_STATISTIC, { p: 0, error: 0 });
    const expected = (reference[i] / n) * m;
    statistic += (current[i] - expected) ** 2 / expected;
  }
  return categories < 2 ? absent('constant') : withTail(statistic, categories - 1);
}

function withTail(statistic: number, degrees: number): Measurement {
  return measured(Math.min(statistic, MOST_STATISTIC), { p: chiSquaredTail(statistic, degrees), error: 0 });
}

/** Independence of a 2×k table as NannyML (scipy's chi2_contingency): with Yates' correction where k is 2. */
export function chiSquaredContingency(reference: ArrayLike<number>, current: ArrayLike<number>): Measurement {
  const [n, m] = [sumOf(reference), sumOf(current)];
  const empty = emptySide(n, m);
  if (empty !== undefined) return absent(empty);
  const used = Array.from({ length: reference.length }, (_, i) => i).filter((i) => reference[i] + current[i] > 0);
  if (used.length < 2) return absent('constant');
  let statistic = 0;
  for (const i of used) {
    const all = reference[i] + current[i];
    for (const [observed, size] of [
      [reference[i], n],
      [current[i], m],
    ]) {
      const expected = (all * size) / (n + m);
      const far = Math.abs(observed - expected);
      const corrected = used.length === 2 ? far - Math.min(0.5, far) : far;
      statistic += corrected ** 2 / expected;
    }
  }
  return withTail(statistic, used.length - 1);
}

/** z of two proportions with a pooled variance, two-sided. Of each side: how many had the category, of how many. */
export function proportions(
  reference: { readonly hits: number; readonly n: number },
  current: { readonly hits: number; readonly n: number },
): Measurement {
  const empty = emptySide(reference.n, current.n);
  if (empty !== undefined) return absent(empty);
  const pooled = (reference.hits + current.hits) / (reference.n + current.n);
  const variance = pooled * (1 - pooled) * (1 / reference.n + 1 / current.n);
  if (!(variance > 0)) return absent('constant');
  const z = (reference.hits / reference.n - current.hits / current.n) / Math.sqrt(variance);
  return measured(z, { p: normalTwoSided(z), error: 0 });
}
