/** The values of one numeric column that statistics are made of, and what was left out of them. */
export interface NumericSample {
  /** Finite, ascending. */
  readonly sorted: Float64Array;
  /** NaN, the missing value of a numeric column. */
  readonly nulls: number;
  readonly infinities: number;
}

/** Evidently's rule: infinities are no values, and neither is NaN; both are counted here, since it drops them without a word. */
export function numericSample(values: ArrayLike<number>): NumericSample {
  const kept = new Float64Array(values.length);
  let [n, nulls] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) kept[n++] = values[i];
    else if (Number.isNaN(values[i])) nulls++;
  }
  return { sorted: kept.subarray(0, n).sort(), nulls, infinities: values.length - n - nulls };
}

/** The values of one categorical column, counted. */
export interface CategoricalSample {
  readonly counts: ReadonlyMap<string, number>;
  readonly n: number;
  readonly nulls: number;
}

export function categoricalSample(values: Iterable<string | null>): CategoricalSample {
  const counts = new Map<string, number>();
  let [n, nulls] = [0, 0];
  for (const value of values) {
    if (value === null) {
      nulls++;
      continue;
    }
    n++;
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return { counts, n, nulls };
}

/** Two rows of counts over the same categories, in the order of the text. */
export type CountPair = readonly [reference: Float64Array, current: Float64Array];

export function categoryCounts(reference: CategoricalSample, current: CategoricalSample): CountPair {
  const names = [...new Set([...reference.counts.keys(), ...current.counts.keys()])].sort();
  const of = ({ counts }: CategoricalSample): Float64Array => Float64Array.from(names, (name) => counts.get(name) ?? 0);
  return [of(reference), of(current)];
}

/** The same for numbers: one bin for each distinct value, ascending. */
export function valueCounts(reference: Float64Array, current: Float64Array): CountPair {
  const p: number[] = [];
  const c: number[] = [];
  let [i, j] = [0, 0];
  while (i < reference.length || j < current.length) {
    const value = Math.min(reference[i] ?? Number.POSITIVE_INFINITY, current[j] ?? Number.POSITIVE_INFINITY);
    const [startP, startC] = [i, j];
    while (i < reference.length && reference[i] === value) i++;
    while (j < current.length && current[j] === value) j++;
    p.push(i - startP);
    c.push(j - startC);
  }
  return [Float64Array.from(p), Float64Array.from(c)];
}

/** Of ascending values. */
export function distinctValues(sorted: Float64Array): Float64Array {
  return sorted.filter((value, i) => i === 0 || value !== sorted[i - 1]);
}

export function meanOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Population standard deviation. Values whose squares leave the range of doubles are scaled first. */
export function sigmaOf(values: Float64Array): number {
  const sigma = unscaledSigma(values);
  if (Number.isFinite(sigma)) return sigma;
  const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Math.min(unscaledSigma(values.map((value) => value / scale)) * scale, Number.MAX_VALUE);
}

function unscaledSigma(values: Float64Array): number {
  const mean = meanOf(values);
  let sum = 0;
  for (const value of values) sum += (value - mean) ** 2;
  return Math.sqrt(sum / values.length);
}
