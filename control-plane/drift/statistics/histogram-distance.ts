import { absent, emptySide, type Measurement, measured, sumOf } from './measurement.js';

const FILL = 1e-4;
const FILL_DIVISOR = 1e6;

/** Shares of a total that is not 0. */
export function shares(counts: ArrayLike<number>): Float64Array {
  const total = sumOf(counts);
  return Float64Array.from(counts, (count) => count / total);
}

/**
 * Evidently's rule, so that an empty bin has a logarithm: 0 becomes 1e-4, or a millionth of the smallest other share where that is 1e-4 or less.
 * The sum is then a little above 1, and stays so.
 */
export function zeroFilled(parts: Float64Array): Float64Array {
  let least = Number.POSITIVE_INFINITY;
  for (const part of parts) if (part > 0 && part < least) least = part;
  const fill = least <= FILL ? least / FILL_DIVISOR : FILL;
  return parts.map((part) => (part === 0 ? fill : part));
}

/** What each bin adds to the population stability index; the sum is the index. Both sides have counts. */
export function psiTerms(reference: ArrayLike<number>, current: ArrayLike<number>): Float64Array {
  const p = zeroFilled(shares(reference));
  const c = zeroFilled(shares(current));
  return p.map((share, i) => (share - c[i]) * Math.log(share / c[i]));
}

/** Σ (p − c)·ln(p / c) over bins that both sides share. */
export function psi(reference: ArrayLike<number>, current: ArrayLike<number>): Measurement {
  const empty = emptySide(sumOf(reference), sumOf(current));
  return empty === undefined ? measured(sumOf(psiTerms(reference, current)), { error: 0 }) : absent(empty);
}

/** What each bin adds to the Jensen-Shannon divergence, in nats; the distance is the root of the sum. */
export function jensenShannonTerms(reference: ArrayLike<number>, current: ArrayLike<number>): Float64Array {
  const [p, c] = [shares(reference), shares(current)];
  const part = (share: number, middle: number): number => (share === 0 ? 0 : 0.5 * share * Math.log(share / middle));
  return p.map((share, i) => {
    const middle = (share + c[i]) / 2;
    return part(share, middle) + part(c[i], middle);
  });
}

/** 'e' as Evidently, at most 0.8326; 2 as NannyML, at most 1. */
export type LogBase = 'e' | 2;

export function jensenShannon(
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
  base: LogBase = 'e',
): Measurement {
  const empty = emptySide(sumOf(reference), sumOf(current));
  if (empty !== undefined) return absent(empty);
  // Rounding can leave a sum of equal shares just below 0.
  const divergence = Math.max(0, sumOf(jensenShannonTerms(reference, current)));
  return measured(Math.sqrt(base === 2 ? divergence / Math.LN2 : divergence), { error: 0 });
}

/** √(1 − Σ√(p·c)). */
export function hellinger(reference: ArrayLike<number>, current: ArrayLike<number>): Measurement {
  const empty = emptySide(sumOf(reference), sumOf(current));
  if (empty !== undefined) return absent(empty);
  const [p, c] = [shares(reference), shares(current)];
  // ½Σ(√p − √c)² is the same number, without the loss of digits near 0.
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += (Math.sqrt(p[i]) - Math.sqrt(c[i])) ** 2;
  return measured(Math.sqrt(Math.min(1, sum / 2)), { error: 0 });
}

/** max |p − c|. */
export function lInfinity(reference: ArrayLike<number>, current: ArrayLike<number>): Measurement {
  const empty = emptySide(sumOf(reference), sumOf(current));
  if (empty !== undefined) return absent(empty);
  const [p, c] = [shares(reference), shares(current)];
  return measured(
    p.reduce((most, share, i) => Math.max(most, Math.abs(share - c[i])), 0),
    { error: 0 },
  );
}
