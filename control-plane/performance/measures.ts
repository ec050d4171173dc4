import type { Task } from '../../contract/prediction-record.js';
import type { PartStates } from './label-states.js';
import { estimateFromHistogram } from './metrics/estimated-performance.js';
import { type Calibration, calibrated } from './metrics/isotonic.js';
import { confusionMatrix, multiClassMetrics } from './metrics/multi-class.js';
import { regressionMetrics } from './metrics/regression.js';
import { binnedBrier, binnedCalibrationError, binnedLogLoss } from './metrics/score-calibration.js';
import { binnedDecision } from './metrics/score-decision.js';
import { type Metric, metric, noMetric, SCORE_BINS } from './metrics/score-histogram.js';
import { binnedAuroc, binnedAveragePrecision } from './metrics/score-ranking.js';

export type Measures = Readonly<Record<string, Metric>>;

/** How performance is worked out for all parts of a report. */
export interface MeasureOptions {
  readonly task: Task;
  readonly classes: readonly string[];
  /** `score >= threshold` is a positive prediction. */
  readonly threshold: number;
  /** Fewer labels make no performance. */
  readonly min_samples: number;
  /** undefined: scores are taken as they are. */
  readonly calibration: Calibration;
}

/** `noLabels`: there is none; `fewLabels`: fewer than `min_samples`. */
export type NoDataReason = 'noLabels' | 'fewLabels';

export interface PartReport {
  readonly verdict: 'ok' | 'noData';
  readonly reason?: NoDataReason;
  readonly labels: {
    readonly predicted: number;
    readonly joined: number;
    readonly late: number;
    readonly unusable: number;
    /** Share of the predictions that have a label; undefined without predictions. */
    readonly coverage?: number;
  };
  readonly metrics: Measures;
  /** What the metrics would be if the calibrated scores were true (CBPE): of all predictions, labelled or not. */
  readonly estimated: Measures;
}

export function measurePart(part: PartStates, options: MeasureOptions): PartReport {
  const { predicted, joined, late, unusable } = part;
  const labels = { predicted, joined, late, unusable, ...(predicted > 0 ? { coverage: joined / predicted } : {}) };
  const estimated = estimatedMeasures(part, options);
  if (joined < Math.max(1, options.min_samples)) {
    return { verdict: 'noData', reason: joined === 0 ? 'noLabels' : 'fewLabels', labels, metrics: {}, estimated };
  }
  return { verdict: 'ok', labels, metrics: measures(part, options), estimated };
}

function measures(
  { scores, classes: pairs, errors }: PartStates,
  { task, classes, threshold }: MeasureOptions,
): Measures {
  switch (task) {
    case 'binary':
      return {
        ...binnedDecision(scores, threshold),
        auroc: binnedAuroc(scores),
        average_precision: binnedAveragePrecision(scores),
        log_loss: binnedLogLoss(scores),
        brier: binnedBrier(scores),
        calibration_error: binnedCalibrationError(scores),
      };
    case 'multiclass': {
      const { accuracy, macro, weighted } = multiClassMetrics(confusionMatrix(pairs, classes));
      return {
        accuracy,
        precision_macro: macro.precision,
        recall_macro: macro.recall,
        f1_macro: macro.f1,
        f1_weighted: weighted.f1,
        calibration_error: binnedCalibrationError(scores),
      };
    }
    case 'regression':
      return { ...regressionMetrics(errors) };
    case 'none':
      return {};
  }
}

function estimatedMeasures({ answered }: PartStates, { task, calibration, threshold }: MeasureOptions): Measures {
  if (task === 'binary') {
    const { accuracy, precision, recall, f1, auroc } = estimateFromHistogram(answered, calibration, threshold);
    return { accuracy, precision, recall, f1, auroc };
  }
  return task === 'multiclass' ? { accuracy: expectedAccuracy(answered, calibration) } : {};
}

/** The score is the probability of the chosen class: its calibrated mean is the share of right answers. */
function expectedAccuracy(answered: Float64Array, calibration: Calibration): Metric {
  let [right, all] = [0, 0];
  for (let bin = 0; bin < SCORE_BINS; bin++) {
    right += answered[bin] * calibrated(calibration, (bin + 0.5) / SCORE_BINS);
    all += answered[bin];
  }
  return all > 0 ? metric(right / all) : noMetric('noData');
}
