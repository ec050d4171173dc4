import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { TidegateError } from '../../contract/error.js';
import type { Task } from '../../contract/prediction-record.js';
import { layoutsOf, type ReadLayout } from '../log/layouts.js';
import { type PairedRows, type PairQuestion, pairedRows } from './paired-rows.js';
import { type Difference, pairedAuroc, pairedMeans } from './statistics/paired-auroc.js';
import { type GateRules, type Judged, judgeDifference, mcnemar } from './verdict.js';

/** Metrics that rows can be compared by, one against one, and whether more of them is better. */
const METRICS: Readonly<Record<Exclude<Task, 'none'>, Readonly<Record<string, boolean>>>> = {
  binary: { auroc: true, accuracy: true, brier: false, log_loss: false },
  multiclass: { accuracy: true },
  regression: { mae: false, mse: false },
};

export interface ComparisonQuestion extends PairQuestion, GateRules {
  /** undefined: the first of the task. */
  readonly metric?: string | undefined;
  readonly threshold: number;
}

export interface ComparisonReport {
  readonly model: string;
  readonly champion: number;
  readonly challenger: number;
  readonly from: string;
  readonly to: string;
  readonly task: Task;
  readonly metric: string;
  readonly pairs: { readonly rows: number; readonly of: number };
  /** undefined: nothing can be said of it, `reason` says why. */
  readonly result?: Judged;
  /** Pairs that one version alone had right, and McNemar's p. */
  readonly disagreement?: { readonly only_champion: number; readonly only_challenger: number; readonly p: number };
  readonly verdict: Judged['verdict'];
  readonly reason?: string;
}

/** Two versions on the same labelled requests. Throws INVALID_REQUEST for versions of other tasks, INVALID_PARAMETER for a metric that the task does not have. */
export async function comparisonReport(
  client: ClickHouseClient,
  database: string,
  question: ComparisonQuestion,
): Promise<ComparisonReport> {
  const { model, champion, challenger, from_ms, to_ms } = question;
  const task = taskOf(await layoutsOf(client, database, model), question);
  const metric = metricOf(task, question.metric);
  const rows = await pairedRows(client, database, question);
  const told = {
    model,
    champion,
    challenger,
    from: new Date(from_ms).toISOString(),
    to: new Date(to_ms).toISOString(),
    task,
    metric,
    pairs: { rows: rows.rows, of: rows.of },
  };
  const found = differenceOf(rows, task, metric, question.threshold);
  if (typeof found === 'string') return { ...told, verdict: 'inconclusive', reason: found };
  const result = judgeDifference(found, rows.rows, METRICS[task][metric], question);
  const right = correctness(rows, task, question.threshold);
  return {
    ...told,
    result,
    ...(right === undefined ? {} : { disagreement: disagreementOf(right) }),
    verdict: result.verdict,
    ...(result.reason === undefined ? {} : { reason: result.reason }),
  };
}

function taskOf(
  layouts: readonly ReadLayout[],
  { model, champion, challenger }: ComparisonQuestion,
): Exclude<Task, 'none'> {
  const [a, b] = [champion, challenger].map((version) => {
    const found = layouts.find((layout) => layout.version === version);
    if (found !== undefined) return found;
    throw new TidegateError('MODEL_NOT_FOUND', `version ${version} of '${model}' was never logged`);
  });
  if (a.task !== b.task || a.positive_class !== b.positive_class) {
    throw new TidegateError(
      'INVALID_REQUEST',
      `version ${champion} is ${a.task}, version ${challenger} is ${b.task}: they cannot be compared`,
    );
  }
  if (a.task === 'none') throw new TidegateError('INVALID_REQUEST', `'${model}' logs neither a score nor a class`);
  return a.task;
}

function metricOf(task: Exclude<Task, 'none'>, asked: string | undefined): string {
  const known = Object.keys(METRICS[task]);
  if (asked === undefined) return known[0];
  if (known.includes(asked)) return asked;
  throw new TidegateError(
    'INVALID_PARAMETER',
    `'metric' is '${asked}': two ${task} versions are compared by ${known.join(', ')}`,
  );
}

/** A text says why there is none. */
function differenceOf(rows: PairedRows, task: Task, metric: string, threshold: number): Difference | string {
  if (rows.rows < 2)
    return 'no labelled request that both versions have answered: let one answer as a shadow of the other';
  const { champion_scores: first, challenger_scores: second, positives, numbers } = rows;
  if (metric === 'auroc') {
    const labels = Uint8Array.from(positives);
    const positive = labels.reduce((sum, label) => sum + label, 0);
    if (Math.min(positive, labels.length - positive) < 2)
      return 'fewer than two labels of one class: nothing can be ranked';
    return pairedAuroc({ first, second, labels });
  }
  if (metric === 'accuracy') {
    const right = correctness(rows, task, threshold);
    if (right === undefined) return 'right and wrong are known of classes only';
    return pairedMeans(right.first, right.second);
  }
  const loss = lossOf(metric);
  const truth = task === 'regression' ? numbers : Float64Array.from(positives);
  return pairedMeans(
    first.map((score, i) => loss(score, truth[i])),
    second.map((score, i) => loss(score, truth[i])),
  );
}

function lossOf(metric: string): (score: number, truth: number) => number {
  if (metric === 'mae') return (score, truth) => Math.abs(score - truth);
  if (metric !== 'log_loss') return (score, truth) => (score - truth) ** 2;
  return (score, truth) => -Math.log(Math.max(Number.EPSILON, truth === 1 ? score : 1 - score));
}

interface Correctness {
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/** 1: right. */
function correctness(rows: PairedRows, task: Task, threshold: number): Correctness | undefined {
  if (task === 'regression' || task === 'none') return undefined;
  const right = (scores: Float64Array, classes: readonly string[]) =>
    Float64Array.from(rows.labels, (label, i) => {
      return Number(task === 'binary' ? scores[i] >= threshold === (rows.positives[i] === 1) : classes[i] === label);
    });
  return {
    first: right(rows.champion_scores, rows.champion_classes),
    second: right(rows.challenger_scores, rows.challenger_classes),
  };
}

function disagreementOf({ first, second }: Correctness) {
  const only = (a: Float64Array, b: Float64Array) => a.reduce((sum, right, i) => sum + Number(right > b[i]), 0);
  const [only_champion, only_challenger] = [only(first, second), only(second, first)];
  return { only_champion, only_challenger, p: mcnemar(only_champion, only_challenger) };
}
