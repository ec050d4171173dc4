/** Thousandths of a probability: bin i of `score_hist` (less its bins 0 and 1001) is [i/1000, (i + 1)/1000), the last one closed. */
export const SCORE_BINS = 1000;

/** Labelled scores of a binary model, counted. Counts may be weighted, so they need not be whole. */
export interface ScoreHistogram {
  /** Rows of the positive class in each of the `SCORE_BINS`. */
  readonly positives: ArrayLike<number>;
  readonly negatives: ArrayLike<number>;
}

/** A number and how far the one of the raw scores can be from it. */
export interface Estimate {
  readonly value: number;
  readonly error: number;
}

/** `noData`: no labelled row; `oneClass`: labels of one class only, of which no ranking speaks; `undefined`: a division by nothing. */
export type MetricAbsence = 'noData' | 'oneClass' | 'undefined';

export type Metric = (Estimate & { readonly absence?: undefined }) | { readonly absence: MetricAbsence };

export interface ScoreTotals {
  readonly positives: number;
  readonly negatives: number;
}

export function scoreTotals({ positives, negatives }: ScoreHistogram): ScoreTotals {
  let [p, n] = [0, 0];
  for (let i = 0; i < SCORE_BINS; i++) {
    p += positives[i] ?? 0;
    n += negatives[i] ?? 0;
  }
  return { positives: p, negatives: n };
}

/** Finite, or a case was forgotten. Scores that lie on an edge fall a rounding to either side, so no error is below that of doubles. */
export function metric(value: number, error = 0): Metric {
  if (!Number.isFinite(value) || !Number.isFinite(error)) {
    throw new RangeError(`a metric became ${value} ± ${error}: a case was forgotten`);
  }
  return { value, error };
}

export function noMetric(absence: MetricAbsence): Metric {
  return { absence };
}

/** Between two bounds: the value, and the larger distance to either. */
export function between(value: number, low: number, high: number): Metric {
  return metric(value, Math.max(0, high - value, value - low));
}

export function ratio(numerator: number, denominator: number): Metric {
  return denominator > 0 ? metric(numerator / denominator) : noMetric('undefined');
}
