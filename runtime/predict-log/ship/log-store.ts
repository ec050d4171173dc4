import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { ClickHouseClient } from '../../../clickhouse/connection.js';
import { migrate } from '../../../clickhouse/migrate.js';
import { quoted, type SchemaTarget } from '../../../clickhouse/table.js';
import type { BinSpec } from '../../../contract/bin-spec.js';
import { LOG_COLUMNS, type LogLayout } from '../../../contract/prediction-record.js';
import { type SpecRow, SpecRowSchema, specsOf } from './spec-rows.js';

/** Inserts that may still be looked up by their token, with a wide margin below DEDUPLICATION_WINDOW. */
export interface SeenRows {
  readonly rows: number;
  /** Inserts into the table since these rows came, at most. */
  readonly inserts_since: number;
}

/** What the shipper asks of ClickHouse. */
export interface LogStore {
  insert(pieces: readonly Uint8Array[], token: string): Promise<void>;
  insertLayout(layout: LogLayout): Promise<void>;
  /** What is there already of a stretch of one life of a node. */
  seen(node: string, epoch: number, first_seq: number, last_seq: number): Promise<SeenRows>;
  specs(): Promise<readonly BinSpec[]>;
  migrate(): Promise<void>;
}

const NAMES = LOG_COLUMNS.map(({ name }) => name).join(', ');
const count = z.coerce.number();
const SeenSchema = z.object({ rows: count, oldest: count, newest: count });

export class ClickHouseLogStore implements LogStore {
  readonly #client: ClickHouseClient;
  readonly #target: SchemaTarget;
  readonly #program: string;

  constructor(client: ClickHouseClient, target: SchemaTarget, program: string) {
    this.#client = client;
    this.#target = target;
    this.#program = program;
  }

  async insert(pieces: readonly Uint8Array[], token: string): Promise<void> {
    const { database, cluster } = this.#target;
    const settings = [
      `insert_deduplication_token = ${quoted(token)}`,
      'async_insert = 0',
      'deduplicate_blocks_in_dependent_materialized_views = 1',
      // The views take longer than the table: together, where there are cores for it.
      'parallel_view_processing = 1',
      // One block stays one block: its token would say less than the whole batch otherwise.
      'max_insert_block_size = 100000000',
      ...(cluster === '' ? [] : ['distributed_foreground_insert = 1']),
    ];
    const { stream } = await this.#client.exec({
      query: `INSERT INTO ${database}.inference_log (${NAMES}) SETTINGS ${settings.join(', ')} FORMAT Native`,
      values: Readable.from(pieces, { objectMode: true }),
      // An error after the headers could not be told from success.
      clickhouse_settings: { wait_end_of_query: 1 },
    });
    await text(stream);
  }

  async insertLayout(layout: LogLayout): Promise<void> {
    const json = JSON.stringify(layout);
    const digest = createHash('sha256').update(json).digest('hex');
    const { model, version } = layout;
    await this.#client.insert({
      table: `${this.#target.database}.feature_layouts`,
      values: [{ model, version, digest, layout: json }],
      format: 'JSONEachRow',
      clickhouse_settings: { insert_deduplication_token: `layout:${model}:${version}:${digest}`, async_insert: 0 },
    });
  }

  async seen(node: string, epoch: number, first_seq: number, last_seq: number): Promise<SeenRows> {
    const { database, cluster } = this.#target;
    const where = `node = {node:String} AND epoch = {epoch:UInt64} AND seq BETWEEN {first:UInt64} AND {last:UInt64}`;
    // A part's name tells the numbers of the inserts that it was merged from; numbers go through all partitions of a table.
    const answer = await this.#client.query({
      query: `SELECT count() AS rows, min(toUInt64OrZero(splitByChar('_', _part)[2])) AS oldest,
        (SELECT max(max_block_number) FROM system.parts WHERE database = {database:String} AND table = {table:String}) AS newest
        FROM ${database}.inference_log WHERE ${where}`,
      query_params: {
        node,
        epoch,
        first: first_seq,
        last: last_seq,
        database,
        table: cluster === '' ? 'inference_log' : 'inference_log_local',
      },
      format: 'JSONEachRow',
    });
    const [found] = z.array(SeenSchema).parse(await answer.json());
    return { rows: found.rows, inserts_since: Math.max(0, found.newest - found.oldest) };
  }

  async specs(): Promise<readonly BinSpec[]> {
    const { database } = this.#target;
    const answer = await this.#client.query({
      query: `SELECT model, spec_id, version, position, feature, kind, edges, coarse, categories, reference
        FROM ${database}.bin_specs FINAL
        WHERE (model, version, spec_id) IN (SELECT model, version, max(spec_id) FROM ${database}.bin_specs GROUP BY model, version)
        ORDER BY model, spec_id, position`,
      format: 'JSONEachRow',
    });
    const rows: SpecRow[] = z.array(SpecRowSchema).parse(await answer.json());
    return specsOf(rows);
  }

  migrate(): Promise<void> {
    return migrate(this.#client, { ...this.#target, program: this.#program });
  }
}
