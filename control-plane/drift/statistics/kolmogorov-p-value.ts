import { kolmogorovTail, smirnovTail } from './tail-probability.js';

/** scipy's `auto` counts paths up to this size of the larger sample. */
const MOST_EXACT = 10_000;
/** From n·D² = 370 on, the probability is too small for a double. */
const NOTHING_FROM = 370;
/** From n·D² = 2.2 on, twice the one-sided tail is the two-sided one to 1e-9. */
const TWICE_FROM = 2.2;
/** Up to this size the matrix of Marsaglia, Tsang and Wang is at most 2·√(2.2·n) wide; beyond, the corrected limit is exact to 1e-6. */
const MOST_MATRIX = 3000;
/** The one-sided tail is a sum of n terms. */
const MOST_TERMS = 100_000;
/** Below, the limit is 1 to 1e-20; terms of the series are smaller than that from the eighth on. */
const LEAST_ARGUMENT = 0.15;
const TAIL_FROM = 1.5;
const SERIES_TERMS = 8;
/** What `quickKolmogorovPValue` may spend on counting paths: about two milliseconds. */
const MOST_QUICK_PATHS = 1_000_000;

/** Two-sided p-value of D of two samples, as scipy's `ks_2samp` with `auto`: by counting paths, beyond 10,000 values by Kolmogorov's distribution. */
export function kolmogorovPValue(d: number, n: number, m: number): number {
  if (d <= 0) return 1;
  if (Math.max(n, m) <= MOST_EXACT) return pathsOutside(d, n, m);
  return kolmogorovOfSize(Math.max(1, Math.round((n * m) / (n + m))), d);
}

/**
 * The same for many features at once: paths are counted for small samples only, otherwise the limit with its correction is taken. Within 0.002 of the
 * other, which is less than what bins leave open.
 */
export function quickKolmogorovPValue(d: number, n: number, m: number): number {
  if (d <= 0) return 1;
  if (n * m <= MOST_QUICK_PATHS && Number.isInteger(n) && Number.isInteger(m)) return pathsOutside(d, n, m);
  return correctedLimit((n * m) / (n + m), d);
}

/**
 * The share of all orders of n and m values whose D is at least d: each order is a path over a lattice from (0, 0) to (n, m). Worked out as the probability
 * that a random path to (i, j) has met |i/n − j/m| ≥ d; no library of npm has it. Nothing is subtracted, so that small values keep their digits.
 */
function pathsOutside(d: number, n: number, m: number): number {
  // In whole numbers, since ties on the limit count: D is a multiple of 1/(n·m).
  const limit = Math.round(d * n * m) - 0.5;
  const met = new Float64Array(m + 1);
  for (let j = 1; j <= m; j++) met[j] = j * n > limit ? 1 : met[j - 1];
  for (let i = 1; i <= n; i++) {
    if (i * m > limit) met[0] = 1;
    for (let j = 1; j <= m; j++) {
      // A path to (i, j) came from (i − 1, j) with probability i/(i + j).
      met[j] = Math.abs(i * m - j * n) > limit ? 1 : (i * met[j] + j * met[j - 1]) / (i + j);
    }
  }
  return Math.min(1, met[m]);
}

/** P(D ≥ d) of one sample of n values against a known distribution: what scipy calls `kstwo.sf`. */
function kolmogorovOfSize(n: number, d: number): number {
  // No n values lie closer to any distribution than that.
  if (n * d <= 0.5) return 1;
  if (d >= 1 || n * d * d >= NOTHING_FROM) return 0;
  if (n > MOST_TERMS) return correctedLimit(n, d);
  if (n * d * d >= TWICE_FROM || n === 1) return Math.min(1, 2 * smirnovTail(n, d));
  if (n <= MOST_MATRIX) return Math.min(1, Math.max(0, 1 - durbinMatrix(n, d)));
  return correctedLimit(n, d);
}

/**
 * The limit for n → ∞ with the terms of 1/√n and 1/n (Pelz and Good 1976). In the tail, where 1 − P would lose its digits, with the shift of the argument
 * that stands for those terms (Vrbik 2018).
 */
function correctedLimit(n: number, d: number): number {
  const x = Math.sqrt(n) * d;
  if (x < LEAST_ARGUMENT) return 1;
  if (x > TAIL_FROM) return kolmogorovTail(x + 1 / (6 * Math.sqrt(n)) + (x - 1) / (4 * n));
  const x2 = x * x;
  let [first, second, third, last] = [0, 0, 0, 0];
  for (let k = 0; k < SERIES_TERMS; k++) {
    const odd = ((k + 0.5) * Math.PI) ** 2;
    const weight = 2 * Math.exp(-odd / (2 * x2));
    first += weight;
    second += weight * (odd - x2);
    third += weight * (6 * x2 ** 3 + 2 * x2 ** 2 + (2 * x2 ** 2 - 5 * x2) * odd + (1 - 2 * x2) * odd ** 2);
    const even = (k * Math.PI) ** 2;
    last += 2 * even * Math.exp(-even / (2 * x2));
  }
  const terms = first / x + second / (6 * x2 ** 2 * Math.sqrt(n)) + (third / (72 * x ** 7) - last / (36 * x ** 3)) / n;
  return Math.min(1, Math.max(0, 1 - Math.sqrt(Math.PI / 2) * terms));
}

/** P(D < d) by Durbin's matrix (Marsaglia, Tsang and Wang 2003), which is raised to the n-th power. */
function durbinMatrix(n: number, d: number): number {
  const k = Math.ceil(n * d);
  const width = 2 * k - 1;
  const h = k - n * d;
  const start = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= Math.min(width - 1, i + 1); j++) start[i * width + j] = 1;
  }
  for (let i = 0; i < width; i++) {
    start[i * width] -= h ** (i + 1);
    start[(width - 1) * width + i] -= h ** (width - i);
  }
  start[(width - 1) * width] += 2 * h - 1 > 0 ? (2 * h - 1) ** width : 0;
  for (let i = 0; i < width; i++) {
    let factorial = 1;
    for (let j = i; j >= 0; j--) {
      factorial *= i - j + 1;
      start[i * width + j] /= factorial;
    }
  }
  return scaledPower(start, width, n, k - 1);
}

/** The element (at, at) of the n-th power, times n!/nⁿ. Exponents are kept apart, since powers leave the range of doubles. */
function scaledPower(start: Float64Array, width: number, n: number, at: number): number {
  let base = start;
  let baseExponent = 0;
  let result = new Float64Array(width * width);
  for (let i = 0; i < width; i++) result[i * width + i] = 1;
  let exponent = 0;
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) {
      result = product(result, base, width);
      exponent += baseExponent + rescale(result, at * width + at);
    }
    base = product(base, base, width);
    baseExponent = 2 * baseExponent + rescale(base, at * width + at);
  }
  let logarithm = Math.log(result[at * width + at]) + exponent * Math.LN2;
  for (let i = 1; i <= n; i++) logarithm += Math.log(i / n);
  return Math.exp(logarithm);
}

function rescale(matrix: Float64Array, pivot: number): number {
  const exponent = Math.round(Math.log2(matrix[pivot]));
  const factor = 2 ** -exponent;
  for (let i = 0; i < matrix.length; i++) matrix[i] *= factor;
  return exponent;
}

function product(left: Float64Array, right: Float64Array, width: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let k = 0; k < width; k++) {
      const factor = left[i * width + k];
      if (factor === 0) continue;
      for (let j = 0; j < width; j++) out[i * width + j] += factor * right[k * width + j];
    }
  }
  return out;
}
