import { kolmogorovPValue } from './kolmogorov-p-value.js';
import { absent, emptySide, type Measurement, measured } from './measurement.js';
import { sigmaOf } from './sample.js';

const LEAST_SCALE = 0.001;

/** Visits the distinct values of both samples in order, with both distribution functions at each and the way to the next. */
function walk(
  reference: Float64Array,
  current: Float64Array,
  visit: (difference: number, width: number) => void,
): void {
  const [n, m] = [reference.length, current.length];
  let [i, j] = [0, 0];
  while (i < n || j < m) {
    const value = Math.min(
      i < n ? reference[i] : Number.POSITIVE_INFINITY,
      j < m ? current[j] : Number.POSITIVE_INFINITY,
    );
    while (i < n && reference[i] === value) i++;
    while (j < m && current[j] === value) j++;
    const next = Math.min(
      i < n ? reference[i] : Number.POSITIVE_INFINITY,
      j < m ? current[j] : Number.POSITIVE_INFINITY,
    );
    visit(i / n - j / m, next === Number.POSITIVE_INFINITY ? 0 : next - value);
  }
}

/** D = sup |F − G| and its two-sided p-value as scipy's `ks_2samp`. Both samples ascending. */
export function kolmogorovSmirnov(reference: Float64Array, current: Float64Array): Measurement {
  const empty = emptySide(reference.length, current.length);
  if (empty !== undefined) return absent(empty);
  let d = 0;
  walk(reference, current, (difference) => {
    d = Math.max(d, Math.abs(difference));
  });
  return measured(d, { p: kolmogorovPValue(d, reference.length, current.length), error: 0 });
}

/** ∫|F − G| dx: the first Wasserstein distance. Both samples ascending. */
export function wasserstein(reference: Float64Array, current: Float64Array): Measurement {
  const empty = emptySide(reference.length, current.length);
  if (empty !== undefined) return absent(empty);
  let distance = 0;
  walk(reference, current, (difference, width) => {
    distance += Math.abs(difference) * Math.min(width, Number.MAX_VALUE);
  });
  return measured(Math.min(distance, Number.MAX_VALUE), { error: 0 });
}

/** W1 / max(population σ of the reference, 0.001), as Evidently. */
export function wassersteinNormed(reference: Float64Array, current: Float64Array): Measurement {
  const distance = wasserstein(reference, current);
  if (distance.absence !== undefined) return distance;
  return measured(Math.min(distance.value / Math.max(sigmaOf(reference), LEAST_SCALE), Number.MAX_VALUE), { error: 0 });
}
