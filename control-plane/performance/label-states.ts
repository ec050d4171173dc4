import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { quoted } from '../../clickhouse/table.js';
import { hourConditions, type RowFilter, stateConditions } from '../log/rows.js';
import type { RegressionSums } from './metrics/regression.js';
import { SCORE_BINS } from './metrics/score-histogram.js';

/** What a window is cut into: nothing, groups of rows, or stretches of time. */
export type Dimension = 'all' | 'version' | 'variant' | 'node' | 'hour' | 'day' | `segment:${string}`;

/** Counted scores by thousandth, as `metrics/score-histogram.ts` has them; `n` of them are rows, the others are weights. */
export interface ScoreCounts {
  readonly n: number;
  readonly positives: Float64Array;
  readonly negatives: Float64Array;
}

export interface ClassPair {
  readonly label: string;
  readonly prediction: string;
  readonly n: number;
}

/** Everything that the states know of one part of a window. */
export interface PartStates {
  /** Answered rows, labelled or not. */
  readonly predicted: number;
  readonly joined: number;
  readonly late: number;
  readonly unusable: number;
  readonly scores: ScoreCounts;
  /** Weights of all answered rows by thousandth of their score. */
  readonly answered: Float64Array;
  readonly classes: readonly ClassPair[];
  /** `n` is a weight. */
  readonly errors: RegressionSums;
  readonly errors_n: number;
}

const count = z.coerce.number();
const OutcomeSchema = z.array(z.object({ part: z.string(), outcome: z.string(), n: count }));
const ScoreSchema = z.array(
  z.object({
    part: z.string(),
    bins: z.array(count),
    n: z.array(count),
    positives: z.array(count),
    negatives: z.array(count),
  }),
);
const AnsweredSchema = z.array(
  z.object({ part: z.string(), predicted: count, bins: z.array(count), weight: z.array(count) }),
);
const ClassSchema = z.array(z.object({ part: z.string(), label: z.string(), prediction: z.string(), n: count }));
const ErrorSchema = z.array(
  z.object({
    part: z.string(),
    errors_n: count,
    n: count,
    error: count,
    absolute_error: count,
    squared_error: count,
    label: count,
    squared_label: count,
  }),
);

const NO_ERRORS: RegressionSums = { n: 0, error: 0, absolute_error: 0, squared_error: 0, label: 0, squared_label: 0 };

/** Reads states of labels and scores: hours × bins rows, however many predictions there were. The window must be of whole hours. */
export class LabelStates {
  readonly #client: ClickHouseClient;
  readonly #database: string;

  constructor(client: ClickHouseClient, database: string) {
    this.#client = client;
    this.#database = database;
  }

  /** Parts of a window by their names: a value, or the seconds since 1970 at which a stretch begins. */
  async parts(filter: RowFilter, dimension: Dimension): Promise<Map<string, PartStates>> {
    const [part, where] = partOf(filter, dimension);
    const from = (table: string) => `FROM ${this.#database}.${table} WHERE ${where}`;
    const [outcomes, scores, answered, classes, errors] = await Promise.all([
      this.#rows(`SELECT ${part} AS part, outcome, sum(n) AS n ${from('label_hist')} GROUP BY part, outcome`),
      this.#rows(`SELECT part, groupArray(bin) AS bins, groupArray(n) AS n, groupArray(positives) AS positives, groupArray(negatives) AS negatives FROM (
        SELECT ${part} AS part, bin, sum(n) AS n, sum(positives) AS positives, sum(negatives) AS negatives ${from('perf_hist')} GROUP BY part, bin) GROUP BY part`),
      this.#rows(`SELECT part, sum(n) AS predicted, groupArray(bin) AS bins, groupArray(weight) AS weight FROM (
        SELECT ${part} AS part, bin, sum(n) AS n, sum(weight) AS weight ${from('score_hist')} GROUP BY part, bin) GROUP BY part`),
      this.#rows(
        `SELECT ${part} AS part, label, class AS prediction, sum(weight) AS n ${from('perf_class')} GROUP BY part, label, prediction HAVING n > 1e-9`,
      ),
      this.#rows(`SELECT ${part} AS part, sum(perf_error.n) AS errors_n, sum(weight) AS n, sum(error) AS error, sum(absolute_error) AS absolute_error,
        sum(squared_error) AS squared_error, sum(label) AS label, sum(squared_label) AS squared_label ${from('perf_error')} GROUP BY part`),
    ]);
    return assembled(
      OutcomeSchema.parse(outcomes),
      ScoreSchema.parse(scores),
      AnsweredSchema.parse(answered),
      ClassSchema.parse(classes),
      ErrorSchema.parse(errors),
    );
  }

  async whole(filter: RowFilter): Promise<PartStates> {
    return (await this.parts(filter, 'all')).get('') ?? emptyPart();
  }

  /** Versions that answered in a window. */
  async versions(filter: RowFilter): Promise<number[]> {
    const rows = await this.#rows(
      `SELECT DISTINCT version FROM ${this.#database}.score_hist WHERE ${stateConditions(filter)} ORDER BY version`,
    );
    return z
      .array(z.object({ version: z.number() }))
      .parse(rows)
      .map(({ version }) => version);
  }

  async #rows(query: string): Promise<unknown> {
    return (await this.#client.query({ query, format: 'JSONEachRow' })).json();
  }
}

/** The expression that names a part, and the conditions on rows of a table of states. */
function partOf(filter: RowFilter, dimension: Dimension): readonly [part: string, where: string] {
  if (dimension.startsWith('segment:')) {
    const prefix = `${dimension.slice('segment:'.length)}=`;
    return [
      `substring(segment, ${prefix.length + 1})`,
      `${hourConditions(filter)} AND startsWith(segment, ${quoted(prefix)})`,
    ];
  }
  const where = stateConditions(filter);
  if (dimension === 'all') return [`''`, where];
  if (dimension === 'hour') return ['toString(toUnixTimestamp(hour))', where];
  if (dimension === 'day') return [`toString(toUnixTimestamp(toStartOfDay(hour, 'UTC')))`, where];
  return [`toString(${dimension})`, where];
}

function assembled(
  outcomes: z.infer<typeof OutcomeSchema>,
  scores: z.infer<typeof ScoreSchema>,
  answered: z.infer<typeof AnsweredSchema>,
  classes: z.infer<typeof ClassSchema>,
  errors: z.infer<typeof ErrorSchema>,
): Map<string, PartStates> {
  const names = new Set([...outcomes, ...scores, ...answered, ...classes, ...errors].map(({ part }) => part));
  const parts = new Map<string, PartStates>();
  for (const name of names) {
    const became = new Map(outcomes.filter(({ part }) => part === name).map(({ outcome, n }) => [outcome, n]));
    const all = answered.find(({ part }) => part === name);
    const scored = scores.find(({ part }) => part === name);
    const found = errors.find(({ part }) => part === name);
    parts.set(name, {
      predicted: all?.predicted ?? 0,
      joined: became.get('joined') ?? 0,
      late: became.get('late') ?? 0,
      unusable: became.get('unusable') ?? 0,
      scores: {
        n: scored === undefined ? 0 : scored.n.reduce((sum, n, i) => sum + (isScore(scored.bins[i]) ? n : 0), 0),
        positives: byBin(scored?.bins, scored?.positives),
        negatives: byBin(scored?.bins, scored?.negatives),
      },
      answered: byBin(all?.bins, all?.weight),
      classes: classes.filter(({ part }) => part === name),
      errors: found ?? NO_ERRORS,
      errors_n: found?.errors_n ?? 0,
    });
  }
  return parts;
}

export function emptyPart(): PartStates {
  const none = () => new Float64Array(SCORE_BINS);
  return {
    predicted: 0,
    joined: 0,
    late: 0,
    unusable: 0,
    scores: { n: 0, positives: none(), negatives: none() },
    answered: none(),
    classes: [],
    errors: NO_ERRORS,
    errors_n: 0,
  };
}

/** Bin 0 is no score, the last one is outside of [0, 1]: neither can be ranked. */
function isScore(bin: number): boolean {
  return bin > 0 && bin <= SCORE_BINS;
}

/** What was taken back leaves a rounding of weights, never less than nothing. */
function byBin(bins: readonly number[] | undefined, values: readonly number[] | undefined): Float64Array {
  const counts = new Float64Array(SCORE_BINS);
  if (bins === undefined || values === undefined) return counts;
  for (const [i, bin] of bins.entries()) {
    if (isScore(bin) && values[i] > 1e-9) counts[bin - 1] = values[i];
  }
  return counts;
}
