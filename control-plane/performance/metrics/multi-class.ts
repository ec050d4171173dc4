import { type Metric, metric, noMetric, ratio } from './score-histogram.js';

/** Rows of each pair: `counts[label][prediction]`, by the position of the class in `classes`. */
export interface ConfusionMatrix {
  readonly classes: readonly string[];
  readonly counts: readonly (readonly number[])[];
}

export interface ClassMetrics {
  readonly name: string;
  /** Rows with this label. */
  readonly support: number;
  readonly precision: Metric;
  readonly recall: Metric;
  readonly f1: Metric;
}

export interface AveragedMetrics {
  readonly precision: Metric;
  readonly recall: Metric;
  readonly f1: Metric;
}

export interface MultiClassMetrics {
  readonly n: number;
  readonly accuracy: Metric;
  readonly by_class: readonly ClassMetrics[];
  /** Every class counts the same. As scikit-learn with `zero_division=0`: what cannot be divided counts as 0. */
  readonly macro: AveragedMetrics;
  /** Every row counts the same: with one label a row this is the accuracy, three times. */
  readonly micro: AveragedMetrics;
  /** Classes count by their rows. */
  readonly weighted: AveragedMetrics;
}

const NONE: AveragedMetrics = { precision: noMetric('noData'), recall: noMetric('noData'), f1: noMetric('noData') };

/** Pairs of label and prediction with their number, as ClickHouse groups them. Classes stand in the order of `classes`, then of their names. */
export function confusionMatrix(
  pairs: Iterable<{ readonly label: string; readonly prediction: string; readonly n: number }>,
  classes: readonly string[] = [],
): ConfusionMatrix {
  const rows = [...pairs];
  const others = [...new Set(rows.flatMap(({ label, prediction }) => [label, prediction]))].sort();
  const names = [...new Set([...classes, ...others])];
  const at = new Map(names.map((name, i) => [name, i]));
  const counts = names.map(() => names.map(() => 0));
  for (const { label, prediction, n } of rows) counts[at.get(label) ?? 0][at.get(prediction) ?? 0] += n;
  return { classes: names, counts };
}

function metricsOf({ classes, counts }: ConfusionMatrix, at: number): ClassMetrics {
  const support = counts[at].reduce((sum, n) => sum + n, 0);
  const predicted = counts.reduce((sum, row) => sum + row[at], 0);
  const hits = counts[at][at];
  return {
    name: classes[at],
    support,
    precision: ratio(hits, predicted),
    recall: ratio(hits, support),
    f1: ratio(2 * hits, support + predicted),
  };
}

function averaged(classes: readonly ClassMetrics[], weight: (of: ClassMetrics) => number): AveragedMetrics {
  const whole = classes.reduce((sum, each) => sum + weight(each), 0);
  const mean = (name: 'precision' | 'recall' | 'f1'): Metric => {
    const sum = classes.reduce(
      (total, each) => total + weight(each) * (each[name].absence === undefined ? each[name].value : 0),
      0,
    );
    return metric(sum / whole);
  };
  return { precision: mean('precision'), recall: mean('recall'), f1: mean('f1') };
}

export function multiClassMetrics(matrix: ConfusionMatrix): MultiClassMetrics {
  const every = matrix.classes.map((_, at) => metricsOf(matrix, at));
  const n = every.reduce((sum, { support }) => sum + support, 0);
  if (n === 0) {
    return { n, accuracy: noMetric('noData'), by_class: every, macro: NONE, micro: NONE, weighted: NONE };
  }
  const accuracy = metric(matrix.counts.reduce((sum, row, at) => sum + row[at], 0) / n);
  // A class of the model that neither occurred nor was predicted in this window is not one of its classes.
  const seen = every.filter(({ support, precision }) => support > 0 || precision.absence === undefined);
  return {
    n,
    accuracy,
    by_class: every,
    macro: averaged(seen, () => 1),
    micro: { precision: accuracy, recall: accuracy, f1: accuracy },
    weighted: averaged(seen, ({ support }) => support),
  };
}
