import type { FeatureColumn, FeatureValue } from './feature-matrix.js';

/** Rows of both sides as numbers that a linear model can tell apart: the reference's first. */
export interface DomainRows {
  readonly rows: readonly Float64Array[];
  /** 1: of the current window. */
  readonly labels: Uint8Array;
}

/** The most frequent categories become a column each, the others none. */
const MOST_CATEGORIES = 10;
/** Products of two features show that they vary together in another way. More features would make too many of them. */
const MOST_WITH_PRODUCTS = 10;

/**
 * Numbers become their rank among all rows of both sides, from -1 to 1: outliers and infinities are the ends, and no scale has to be known. Their squares tell of
 * another spread, products of two of another dependence. What is missing is 0 and has a column of its own.
 */
export function domainRows(reference: readonly FeatureColumn[], current: readonly FeatureColumn[]): DomainRows {
  const [before, now] = [reference[0]?.values.length ?? 0, current[0]?.values.length ?? 0];
  const both = reference.map((column, i) => [...column.values, ...current[i].values]);
  const numeric = reference.flatMap(({ kind }, i) => (kind === 'numeric' ? [ranks(both[i])] : []));
  const squares = numeric.map((values) => values.map((value) => value ** 2));
  const products =
    numeric.length > MOST_WITH_PRODUCTS
      ? []
      : numeric.flatMap((left, i) => numeric.slice(i + 1).map((right) => left.map((value, row) => value * right[row])));
  const absences = reference.flatMap(({ kind }, i) => (kind === 'numeric' ? [absence(both[i])] : []));
  const categories = reference.flatMap(({ kind }, i) => (kind === 'categorical' ? indicators(both[i]) : []));
  const columns = [...numeric, ...squares, ...products, ...absences, ...categories].flatMap(standardised);
  const rows = Array.from({ length: before + now }, (_, row) => Float64Array.from(columns, (values) => values[row]));
  return { rows, labels: Uint8Array.from(rows, (_, row) => (row < before ? 0 : 1)) };
}

function isMissing(value: FeatureValue): boolean {
  return value === null || Number.isNaN(value);
}

/** From -1 to 1, equal values in the middle of their ranks; 0 where there is none. */
function ranks(values: readonly FeatureValue[]): Float64Array {
  const known = Uint32Array.from(values.flatMap((value, row) => (isMissing(value) ? [] : [row])));
  const numbers = Float64Array.from(values, Number);
  known.sort((a, b) => (numbers[a] < numbers[b] ? -1 : Number(numbers[a] > numbers[b])));
  const out = new Float64Array(values.length);
  for (let start = 0; start < known.length; ) {
    let end = start + 1;
    while (end < known.length && numbers[known[end]] === numbers[known[start]]) end++;
    for (let at = start; at < end; at++) out[known[at]] = (start + end) / known.length - 1;
    start = end;
  }
  return out;
}

function absence(values: readonly FeatureValue[]): Float64Array {
  return Float64Array.from(values, (value) => Number(isMissing(value)));
}

function indicators(values: readonly FeatureValue[]): Float64Array[] {
  const counts = new Map<FeatureValue, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const frequent = [...counts].sort(([a, n], [b, m]) => m - n || (String(a) < String(b) ? -1 : 1));
  return frequent
    .slice(0, MOST_CATEGORIES)
    .map(([name]) => Float64Array.from(values, (value) => Number(value === name)));
}

/** None for a constant column, which tells nothing. */
function standardised(values: Float64Array): Float64Array[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const sigma = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return sigma < 1e-9 ? [] : [values.map((value) => (value - mean) / sigma)];
}
