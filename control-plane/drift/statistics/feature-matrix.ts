/** Rows of many features, as they are compared together. A value is a number, a category, or null; NaN counts as null. */
export type FeatureValue = number | string | null;

export interface FeatureColumn {
  readonly name: string;
  readonly kind: 'numeric' | 'categorical';
  readonly values: readonly FeatureValue[];
}

/** How a column becomes numbers, learnt from the reference: nothing of another window changes it. */
export interface ColumnEncoding {
  readonly name: string;
  /** What stands for null: the mean, or the most frequent category. */
  readonly fill: number | string;
  /** Share of each category in the reference; one that it did not have is 0. undefined: numeric. */
  readonly shares?: ReadonlyMap<string, number>;
  readonly mean: number;
  /** Population standard deviation; 1 for a constant column, which then stays 0. */
  readonly sigma: number;
}

/** Below this share of the mean, a deviation is rounding. */
const ROUNDING = 1e-12;

function isNull(value: FeatureValue): value is null {
  return value === null || (typeof value === 'number' && !Number.isFinite(value));
}

/** NannyML's way: nulls become the mean or the commonest category, categories their share of the reference, then everything is standardised. */
export function encodingOf(column: FeatureColumn): ColumnEncoding {
  const known = column.values.filter((value) => !isNull(value));
  const base = column.kind === 'numeric' ? numericFill(known) : categoricalFill(column, known);
  const unscaled = { name: column.name, ...base, mean: 0, sigma: 1 };
  const encoded = encode(unscaled, column.values);
  const mean = encoded.reduce((sum, value) => sum + value, 0) / encoded.length;
  const sigma = Math.sqrt(encoded.reduce((sum, value) => sum + (value - mean) ** 2, 0) / encoded.length);
  return { ...unscaled, mean, sigma: sigma > ROUNDING * Math.abs(mean) ? sigma : 1 };
}

function numericFill(known: readonly FeatureValue[]): Pick<ColumnEncoding, 'fill'> {
  const sum = known.reduce<number>((total, value) => total + Number(value), 0);
  return { fill: known.length === 0 ? 0 : sum / known.length };
}

function categoricalFill(
  column: FeatureColumn,
  known: readonly FeatureValue[],
): Pick<ColumnEncoding, 'fill' | 'shares'> {
  const counts = new Map<string, number>();
  for (const value of known) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  const sorted = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const fill = sorted[0]?.[0] ?? '';
  // The nulls count as what stands for them.
  counts.set(fill, (counts.get(fill) ?? 0) + column.values.length - known.length);
  return { fill, shares: new Map([...counts].map(([name, n]) => [name, n / column.values.length])) };
}

/** Standardised numbers of a column of any window. */
export function encode(encoding: ColumnEncoding, values: readonly FeatureValue[]): Float64Array {
  const { fill, shares, mean, sigma } = encoding;
  return Float64Array.from(values, (value) => {
    const known = isNull(value) ? fill : value;
    const number = shares === undefined ? Number(known) : (shares.get(String(known)) ?? 0);
    return (number - mean) / sigma;
  });
}
