import { type Metric, metric, noMetric } from './score-histogram.js';

/** Sums over labelled rows, e = prediction − label: what states in ClickHouse add up. */
export interface RegressionSums {
  readonly n: number;
  readonly error: number;
  readonly absolute_error: number;
  readonly squared_error: number;
  readonly label: number;
  readonly squared_label: number;
}

export interface RegressionMetrics {
  readonly rmse: Metric;
  readonly mae: Metric;
  /** Mean error: above 0 the model predicts too much. */
  readonly bias: Metric;
  /** Share of the labels' variance that is explained; not defined for one label, or labels that are all the same. */
  readonly r2: Metric;
}

/** Below this share of the mean square, a variance from sums is nothing but rounding. */
const ROUNDING = 1e-12;

export function regressionMetrics(sums: RegressionSums): RegressionMetrics {
  const { n } = sums;
  if (!(n > 0)) {
    const none = noMetric('noData');
    return { rmse: none, mae: none, bias: none, r2: none };
  }
  const spread = sums.squared_label - sums.label ** 2 / n;
  const isConstant = !(spread > ROUNDING * sums.squared_label);
  return {
    rmse: metric(Math.sqrt(Math.max(0, sums.squared_error) / n)),
    mae: metric(sums.absolute_error / n),
    bias: metric(sums.error / n),
    r2: isConstant ? noMetric('undefined') : metric(1 - sums.squared_error / spread),
  };
}

/** For windows that are read row by row. */
export function regressionSums(predictions: Float64Array, labels: Float64Array): RegressionSums {
  const sums = { n: labels.length, error: 0, absolute_error: 0, squared_error: 0, label: 0, squared_label: 0 };
  for (let i = 0; i < labels.length; i++) {
    const error = predictions[i] - labels[i];
    sums.error += error;
    sums.absolute_error += Math.abs(error);
    sums.squared_error += error ** 2;
    sums.label += labels[i];
    sums.squared_label += labels[i] ** 2;
  }
  return sums;
}
