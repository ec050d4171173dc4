import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { TidegateError } from '../../contract/error.js';
import type { Task } from '../../contract/prediction-record.js';
import { layoutsOf, type ReadLayout } from '../log/layouts.js';
import type { RowFilter } from '../log/rows.js';
import { References } from '../reference/references.js';
import { type Dimension, emptyPart, LabelStates, type PartStates } from './label-states.js';
import { type MeasureOptions, measurePart, type PartReport } from './measures.js';
import { type Calibration, calibrateHistogram, UNCALIBRATED } from './metrics/isotonic.js';
import { type ConfusionMatrix, confusionMatrix } from './metrics/multi-class.js';
import { type ReliabilityBin, reliability } from './metrics/score-calibration.js';
import { countsAt } from './metrics/score-decision.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Labels of so many days before the window calibrate its scores, where the reference has none. */
const CALIBRATION_DAYS = 30;
const MOST_STRETCHES = 400;
const MOST_GROUPS = 50;

export interface PerformanceQuestion {
  readonly filter: RowFilter;
  readonly threshold: number;
  readonly min_samples: number;
  readonly bucket?: 'hour' | 'day' | undefined;
  readonly by?: Dimension | undefined;
}

/** Which labelled rows the scores were calibrated by. */
export interface CalibrationOrigin {
  readonly origin: 'reference' | 'before' | 'none';
  readonly labels: number;
  readonly from?: string;
  readonly to?: string;
}

export interface PerformanceReport extends PartReport {
  readonly model: string;
  readonly from: string;
  readonly to: string;
  readonly versions: readonly number[];
  readonly task: Task;
  readonly positive_class?: string;
  readonly threshold?: number;
  readonly min_samples: number;
  /** By label, then by prediction. */
  readonly confusion?: ConfusionMatrix;
  /** Mean score beside the share of positives (of right answers, with more than two classes). */
  readonly calibration?: readonly ReliabilityBin[];
  readonly calibrated_by: CalibrationOrigin;
  readonly series?: readonly ({ readonly from: string; readonly to: string } & PartReport)[];
  readonly groups?: readonly ({ readonly group: string } & PartReport)[];
}

/** Performance of a model in a window of whole hours, from states. */
export class Performance {
  readonly #client: ClickHouseClient;
  readonly #database: string;
  readonly #states: LabelStates;
  readonly #references: References;

  constructor(client: ClickHouseClient, database: string) {
    this.#client = client;
    this.#database = database;
    this.#states = new LabelStates(client, database);
    this.#references = new References(client, database);
  }

  /** Throws MODEL_NOT_FOUND for a model that was never logged, INVALID_REQUEST for versions that cannot be judged together. */
  async report({ filter: asked, threshold, min_samples, bucket, by }: PerformanceQuestion): Promise<PerformanceReport> {
    const filter = wholeHours(asked);
    const [layouts, versions] = await Promise.all([
      layoutsOf(this.#client, this.#database, filter.model),
      this.#states.versions(filter),
    ]);
    const layout = judgedAs(layouts, filter.version === undefined ? versions : [filter.version]);
    const [whole, [calibration, calibrated_by]] = await Promise.all([
      this.#states.whole(filter),
      this.#calibration(filter, layout.task, min_samples),
    ]);
    const options: MeasureOptions = { task: layout.task, classes: layout.classes, threshold, min_samples, calibration };
    return {
      model: filter.model,
      from: iso(filter.from_ms),
      to: iso(filter.to_ms),
      versions,
      task: layout.task,
      ...(layout.task === 'binary' ? { positive_class: layout.positive_class, threshold } : {}),
      min_samples,
      ...measurePart(whole, options),
      ...detailOf(whole, options),
      calibrated_by,
      ...(bucket === undefined ? {} : { series: await this.#series(filter, bucket, options) }),
      ...(by === undefined ? {} : { groups: await this.#groups(filter, by, options) }),
    };
  }

  async #series(filter: RowFilter, bucket: 'hour' | 'day', options: MeasureOptions) {
    const step_ms = bucket === 'hour' ? HOUR_MS : DAY_MS;
    const first_ms = Math.floor(filter.from_ms / step_ms) * step_ms;
    const stretches = Math.ceil((filter.to_ms - first_ms) / step_ms);
    if (stretches > MOST_STRETCHES) {
      const hint = bucket === 'hour' ? 'take bucket=day, or a shorter window' : 'take a shorter window';
      throw new TidegateError(
        'INVALID_PARAMETER',
        `the window has ${stretches} stretches of one ${bucket}, of at most ${MOST_STRETCHES}: ${hint}`,
      );
    }
    const parts = await this.#states.parts(filter, bucket);
    return Array.from({ length: stretches }, (_, i) => {
      const start_ms = first_ms + i * step_ms;
      const part = parts.get(String(start_ms / 1000)) ?? emptyPart();
      return {
        from: iso(Math.max(start_ms, filter.from_ms)),
        to: iso(Math.min(start_ms + step_ms, filter.to_ms)),
        ...measurePart(part, options),
      };
    });
  }

  /** Those with the most predictions. */
  async #groups(filter: RowFilter, by: Dimension, options: MeasureOptions) {
    const parts = [...(await this.#states.parts(filter, by))];
    return parts
      .sort(([, a], [, b]) => b.predicted - a.predicted)
      .slice(0, MOST_GROUPS)
      .map(([group, part]) => ({ group, ...measurePart(part, options) }));
  }

  /** By labels of the newest reference, else of the days before the window. Its own labels are what is to be foretold: they are among these only where the reference lies in it. */
  async #calibration(
    filter: RowFilter,
    task: Task,
    min_samples: number,
  ): Promise<readonly [Calibration, CalibrationOrigin]> {
    const none = [UNCALIBRATED, { origin: 'none', labels: 0 }] as const;
    if (task !== 'binary' && task !== 'multiclass') return none;
    const [reference] = await this.#references.list(filter.model);
    const before = { from_ms: filter.from_ms - CALIBRATION_DAYS * DAY_MS, to_ms: filter.from_ms };
    const spans = [
      ...(reference?.from === undefined || reference.to === undefined
        ? []
        : [{ origin: 'reference' as const, from_ms: Date.parse(reference.from), to_ms: Date.parse(reference.to) }]),
      { origin: 'before' as const, ...before },
    ];
    for (const { origin, ...span } of spans) {
      const hours = wholeHours({ ...filter, ...span });
      const { scores } = await this.#states.whole(hours);
      if (scores.n < Math.max(1, min_samples)) continue;
      const told = { origin, labels: scores.n, from: iso(hours.from_ms), to: iso(hours.to_ms) };
      return [calibrateHistogram(scores), told];
    }
    return none;
  }
}

/** States know hours only: a window takes all of those that it touches. */
export function wholeHours<T extends { readonly from_ms: number; readonly to_ms: number }>(window: T): T {
  return {
    ...window,
    from_ms: Math.floor(window.from_ms / HOUR_MS) * HOUR_MS,
    to_ms: Math.ceil(window.to_ms / HOUR_MS) * HOUR_MS,
  };
}

/** The layout by which all versions of a window are judged. */
function judgedAs(layouts: readonly ReadLayout[], versions: readonly number[]): ReadLayout {
  const judged = layouts.filter(({ version }) => versions.includes(version));
  const [newest = layouts[0], ...others] = judged;
  const other = others.find(
    ({ task, positive_class }) => task !== newest.task || positive_class !== newest.positive_class,
  );
  if (other !== undefined) {
    const as = ({ version, task, positive_class }: ReadLayout) =>
      `version ${version} is ${task}${positive_class === '' ? '' : ` of '${positive_class}'`}`;
    throw new TidegateError('INVALID_REQUEST', `${as(newest)}, ${as(other)}: ask for one of them with version=`);
  }
  if (newest.task === 'none') {
    throw new TidegateError(
      'INVALID_REQUEST',
      `version ${newest.version} logs neither a score nor a class that labels could be compared with: name them in its manifest (log: score, class)`,
    );
  }
  return newest;
}

/** What only the whole window is told of. */
function detailOf(
  whole: PartStates,
  { task, classes, threshold, min_samples }: MeasureOptions,
): Pick<PerformanceReport, 'confusion' | 'calibration'> {
  if (whole.joined < Math.max(1, min_samples) || task === 'regression' || task === 'none') return {};
  const calibration = reliability(whole.scores);
  if (task === 'multiclass') return { confusion: confusionMatrix(whole.classes, classes), calibration };
  const { counts } = countsAt(whole.scores, threshold);
  const { true_positives, false_positives, false_negatives, true_negatives } = counts;
  return {
    confusion: {
      classes: ['negative', 'positive'],
      counts: [
        [true_negatives, false_positives],
        [false_negatives, true_positives],
      ],
    },
    calibration,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
