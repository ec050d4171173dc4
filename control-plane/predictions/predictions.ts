import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { quoted } from '../../clickhouse/table.js';
import { LOG_COLUMNS } from '../../contract/prediction-record.js';
import { anyRowConditions, type RowFilter } from '../log/rows.js';
import { type Cursor, cursorText } from './cursor.js';

export interface PredictionFilter extends RowFilter {
  readonly request_id?: string | undefined;
  readonly entity_key?: string | undefined;
  /** `ok`, or the code of an error; undefined: both. */
  readonly outcome?: string | undefined;
  readonly least_score?: number | undefined;
  readonly most_score?: number | undefined;
}

export interface PredictionPage {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  /** For the next page; undefined: there is none. */
  readonly next: string | undefined;
}

/** Formats of exports, as ClickHouse calls them. */
export const EXPORTS = {
  ndjson: 'JSONEachRow',
  csv: 'CSVWithNames',
  parquet: 'Parquet',
  arrow: 'ArrowStream',
} as const;
export type ExportFormat = keyof typeof EXPORTS;

const NAMES = LOG_COLUMNS.map(({ name }) => name).join(', ');
const KeySchema = z.object({
  ts_us: z.string(),
  node: z.string(),
  epoch: z.string(),
  seq: z.string(),
  row_idx: z.number(),
});
/** Numbers of 64 bits are text in JSON: JavaScript would round them. */
const JSON_SETTINGS = { output_format_json_quote_64bit_integers: 1, output_format_json_quote_denormals: 1 } as const;
/** Every reader of Parquet knows Snappy; ClickHouse's own default is for itself. */
const EXPORT_SETTINGS = { ...JSON_SETTINGS, output_format_parquet_compression_method: 'snappy' } as const;

/** Rows of the log, newest first. */
export class Predictions {
  readonly #client: ClickHouseClient;
  readonly #database: string;

  constructor(client: ClickHouseClient, database: string) {
    this.#client = client;
    this.#database = database;
  }

  async page(filter: PredictionFilter, limit: number, cursor: Cursor | undefined): Promise<PredictionPage> {
    const behind = cursor === undefined ? '' : ` AND (${KEY}) < (${position(cursor)})`;
    const answer = await this.#client.query({
      query: `SELECT ${NAMES}, toString(toUnixTimestamp64Micro(ts)) AS ts_us FROM ${this.#database}.inference_log
        WHERE ${conditions(filter)}${behind} ORDER BY ${ORDER} LIMIT ${limit + 1}`,
      format: 'JSONEachRow',
      clickhouse_settings: JSON_SETTINGS,
    });
    const rows = z.array(z.record(z.string(), z.unknown())).parse(await answer.json());
    const items = rows.slice(0, limit);
    const last = rows.length > limit ? KeySchema.parse(items.at(-1)) : undefined;
    const next =
      last === undefined ? undefined : cursorText([last.ts_us, last.node, last.epoch, last.seq, last.row_idx]);
    return { items: items.map(({ ts_us: _, ...item }) => item), next };
  }

  /** All rows of the filter as a file, from ClickHouse straight to the caller: never held here. */
  async export(filter: PredictionFilter, format: ExportFormat): Promise<Readable> {
    const query = `SELECT ${NAMES} FROM ${this.#database}.inference_log WHERE ${conditions(filter)} ORDER BY ${ORDER} FORMAT ${EXPORTS[format]}`;
    const { stream } = await this.#client.exec({ query, clickhouse_settings: EXPORT_SETTINGS });
    return stream;
  }
}

const KEY = 'ts, node, epoch, seq, row_idx';
const ORDER = KEY.replaceAll(/(\w+)/g, '$1 DESC');

function position([ts_us, node, epoch, seq, row_idx]: Cursor): string {
  return `fromUnixTimestamp64Micro(${ts_us}, 'UTC'), ${quoted(node)}, ${epoch}, ${seq}, ${row_idx}`;
}

function conditions(filter: PredictionFilter): string {
  const { request_id, entity_key, outcome, least_score, most_score } = filter;
  const equal = (column: string, wanted: string | undefined) =>
    wanted === undefined ? [] : [`${column} = ${quoted(wanted)}`];
  return [
    anyRowConditions(filter),
    ...equal('request_id', request_id),
    ...equal('entity_key', entity_key),
    ...equal('outcome', outcome),
    ...(least_score === undefined ? [] : [`score >= ${least_score}`]),
    ...(most_score === undefined ? [] : [`score <= ${most_score}`]),
  ].join(' AND ');
}
