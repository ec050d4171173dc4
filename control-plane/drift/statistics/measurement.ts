/** The closed list of measures; docs/drift.md has their formulas and sources. */
export const MEASURES = [
  'psi',
  'jensenShannon',
  'wasserstein',
  'wassersteinNormed',
  'kolmogorovSmirnov',
  'chiSquared',
  'chiSquaredContingency',
  'proportions',
  'hellinger',
  'lInfinity',
  'nullRate',
  'rangeRate',
  'unseenRate',
] as const;

export type Measure = (typeof MEASURES)[number];

/** Why a measure has no number. `noData`: no value in the window; `noReference`: none in the reference; `constant`: both sides are one and the same value. */
export type Absence = 'noData' | 'noReference' | 'constant';

export interface Measured {
  readonly value: number;
  /** Of tests only. */
  readonly p?: number;
  /**
   * How far `value` can lie from that of the raw values: 0 where it was counted exactly. Missing: no bound is known, because values lie
   * outside of the bins and nobody said how far.
   */
  readonly error?: number;
  readonly absence?: undefined;
}

export interface Absent {
  readonly absence: Absence;
}

/** A number that is always finite, or the reason why there is none. NaN and Infinity never leave this folder. */
export type Measurement = Measured | Absent;

/** A number that came from a division or a logarithm is finite here, or the caller forgot a case. */
export function measured(value: number, rest: { readonly p?: number; readonly error?: number } = {}): Measured {
  if (!Number.isFinite(value)) throw new RangeError(`a measure became ${value}: a case was forgotten`);
  return { value, ...rest };
}

export function absent(absence: Absence): Absent {
  return { absence };
}

export function isMeasured(measurement: Measurement): measurement is Measured {
  return measurement.absence === undefined;
}

export function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

/** Which of the two sides has nothing to compare, or undefined. */
export function emptySide(reference: number, current: number): Absence | undefined {
  if (!(reference > 0)) return 'noReference';
  return current > 0 ? undefined : 'noData';
}
