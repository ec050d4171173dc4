import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { TidegateError } from '../../contract/error.js';
import { layoutsOf, type ReadLayout } from '../log/layouts.js';
import { anyRowConditions, type RowFilter, rowConditions } from '../log/rows.js';
import { featureColumns } from '../reference/feature-column.js';
import { Adwin } from './statistics/streaming/adwin.js';
import { Ddm } from './statistics/streaming/ddm.js';
import type { Detector } from './statistics/streaming/detector.js';
import { PageHinkley } from './statistics/streaming/page-hinkley.js';

/** What was wrong: 1 or 0 of classes, the absolute error of numbers. Known where labels are. */
export const ERROR_STREAM = '@error';
export const DETECTORS = ['adwin', 'page-hinkley', 'ddm'] as const;

export interface ChangeQuestion {
  readonly filter: RowFilter;
  /** A numeric feature, @score, or @error. */
  readonly feature: string;
  readonly detector: (typeof DETECTORS)[number];
  /** Chance of a false alarm of ADWIN. */
  readonly delta: number;
  /** Of @error: `score >= threshold` is a positive prediction. */
  readonly threshold: number;
  /** Most rows that are read, the oldest first. */
  readonly rows: number;
}

/** Rows between two changes. */
export interface Stretch {
  readonly from: string;
  readonly to: string;
  readonly rows: number;
  readonly mean: number;
}

export interface ChangeReport {
  readonly model: string;
  readonly feature: string;
  readonly detector: string;
  readonly from: string;
  readonly to: string;
  readonly verdict: 'ok' | 'drift' | 'noData';
  readonly rows: number;
  /** Values that are no finite number; the detector does not see them. */
  readonly skipped: number;
  /** Whether there were more rows than were read. */
  readonly is_cut: boolean;
  /** When each change was noticed, which is some rows after it began. */
  readonly changes: readonly string[];
  readonly stretches: readonly Stretch[];
}

/** Numbers that JSON does not have come as text, and are not read. */
const RowSchema = z.tuple([z.coerce.number(), z.union([z.number(), z.string(), z.null()])]);

/** Reads values row by row, in the order of their time, and tells when they changed. Throws INVALID_PARAMETER for what is no stream of numbers. */
export async function changePoints(
  client: ClickHouseClient,
  database: string,
  question: ChangeQuestion,
): Promise<ChangeReport> {
  const { filter, feature, detector, rows: most } = question;
  const layouts = await layoutsOf(client, database, filter.model);
  const answer = await client.query({
    query: `${streamQuery(database, question, layouts)} LIMIT ${most + 1}`,
    format: 'JSONCompactEachRow',
    clickhouse_settings: { output_format_json_quote_denormals: 1, output_format_json_quote_64bit_integers: 0 },
  });
  const stream = new ChangeStream(detectorOf(question));
  let read = 0;
  for await (const chunk of answer.stream()) {
    for (const row of chunk) {
      if (read++ >= most) continue;
      const [ts_us, value] = RowSchema.parse(row.json());
      stream.add(ts_us, value);
    }
  }
  const { changes, stretches, skipped } = stream.end();
  const rows = Math.min(read, most);
  return {
    model: filter.model,
    feature,
    detector,
    from: new Date(filter.from_ms).toISOString(),
    to: new Date(filter.to_ms).toISOString(),
    verdict: rows === skipped ? 'noData' : changes.length > 0 ? 'drift' : 'ok',
    rows,
    skipped,
    is_cut: read > most,
    changes,
    stretches,
  };
}

function detectorOf({ detector, delta, feature }: ChangeQuestion): Detector {
  if (detector === 'adwin') return new Adwin({ delta });
  if (detector === 'page-hinkley') return new PageHinkley();
  if (feature === ERROR_STREAM) return new Ddm();
  throw new TidegateError('INVALID_PARAMETER', `ddm reads right and wrong: ask for it with feature=${ERROR_STREAM}`);
}

/** Cuts a stream where its detector notices a change. */
class ChangeStream {
  readonly #detector: Detector;
  readonly #changes: string[] = [];
  readonly #stretches: Stretch[] = [];
  #skipped = 0;
  #first_us = 0;
  #last_us = 0;
  #rows = 0;
  #sum = 0;

  constructor(detector: Detector) {
    this.#detector = detector;
  }

  add(ts_us: number, value: number | string | null): void {
    if (typeof value !== 'number') {
      this.#skipped++;
      return;
    }
    if (this.#rows === 0) this.#first_us = ts_us;
    this.#last_us = ts_us;
    this.#rows++;
    this.#sum += value;
    if (!this.#detector.update(value).drift) return;
    this.#changes.push(moment(ts_us));
    this.#cut();
  }

  end(): { readonly changes: readonly string[]; readonly stretches: readonly Stretch[]; readonly skipped: number } {
    this.#cut();
    return { changes: this.#changes, stretches: this.#stretches, skipped: this.#skipped };
  }

  #cut(): void {
    if (this.#rows === 0) return;
    const mean = this.#sum / this.#rows;
    this.#stretches.push({ from: moment(this.#first_us), to: moment(this.#last_us), rows: this.#rows, mean });
    [this.#rows, this.#sum] = [0, 0];
  }
}

const ORDER = 'ORDER BY ts, node, epoch, seq, row_idx';
const TIME = 'toUnixTimestamp64Micro(ts) AS ts_us';

function streamQuery(database: string, question: ChangeQuestion, layouts: readonly ReadLayout[]): string {
  const { filter, feature, detector, threshold } = question;
  const wanted = layouts.filter(({ version }) => filter.version === undefined || version === filter.version);
  if (wanted.length === 0) {
    throw new TidegateError('MODEL_NOT_FOUND', `version ${filter.version} of '${filter.model}' was never logged`);
  }
  if (feature === ERROR_STREAM) {
    if (detector === 'ddm' && wanted.some(({ task }) => task === 'regression')) {
      throw new TidegateError(
        'INVALID_PARAMETER',
        'ddm reads right and wrong, and the model predicts numbers: take adwin',
      );
    }
    return errorQuery(database, filter, threshold);
  }
  const cases = wanted.map((layout) => `version = ${layout.version}, ${valueIn(layout, question)}`);
  return `SELECT ${TIME}, multiIf(${cases.join(', ')}, nan) AS value FROM ${database}.inference_log WHERE ${rowConditions(filter)} ${ORDER}`;
}

function valueIn(layout: ReadLayout, { feature, filter }: ChangeQuestion): string {
  const numeric = featureColumns(layout).filter(({ kind }) => kind === 'numeric');
  const found = numeric.find((column) => column.feature === feature);
  if (found !== undefined) return found.value;
  const known = [...numeric.map((column) => column.feature), ERROR_STREAM].join(', ');
  throw new TidegateError(
    'INVALID_PARAMETER',
    `version ${layout.version} of '${filter.model}' has no numeric feature '${feature}', but ${known}`,
  );
}

/** What the join decided in the end: corrections have taken back what they replace. */
function errorQuery(database: string, filter: RowFilter, threshold: number): string {
  const wrong = `multiIf(task = 'binary', toFloat64((score >= ${threshold}) != (positive = 1)), task = 'regression', abs(score - label_num), toFloat64(label_text != class))`;
  return `SELECT ${TIME}, ${wrong} AS value FROM (
    SELECT label_key, ts, node, epoch, seq, row_idx, task, positive, score, label_num, label_text, class FROM ${database}.labelled
    WHERE kind = 'row' AND outcome = 'joined' AND ${anyRowConditions(filter)} GROUP BY ALL HAVING sum(sign) > 0) ${ORDER}`;
}

function moment(us: number): string {
  return new Date(us / 1000).toISOString();
}
