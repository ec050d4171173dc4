import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import type { Label } from './label.js';

/** One block stays one part, and a repeated one is dropped by its token: a batch is there wholly and once, or not at all. */
const INSERT = {
  async_insert: 0,
  wait_end_of_query: 1,
  max_insert_block_size: '100000000',
  input_format_parallel_parsing: 0,
  distributed_foreground_insert: 1,
} as const;

const UploadSchema = z.array(z.object({ answer: z.string() }));

/** Labels as they came. What they are of is decided later, by the join. */
export class LabelStore {
  readonly #client: ClickHouseClient;
  readonly #database: string;
  #last = 0;

  constructor(client: ClickHouseClient, database: string) {
    this.#client = client;
    this.#database = database;
  }

  /** All of them or none. */
  async add(labels: readonly Label[], arrived_ms: number): Promise<void> {
    const batch = this.#batchNumber();
    const arrived_us = arrived_ms * 1000;
    const arrived = new Date(arrived_ms).toISOString();
    const values = labels.map((label, i) => ({
      label_key: label.key,
      // Of labels that come together the last one is the newest.
      version: label.version ?? arrived_us + i,
      batch,
      model: label.model,
      request_id: label.request_id,
      row_idx: label.row,
      entity_key: label.entity_key,
      ts: (label.ts ?? arrived).replace('T', ' ').replace('Z', ''),
      label_text: label.text,
      label_num: Number.isNaN(label.number) ? 'nan' : label.number,
      source: label.source,
    }));
    await this.#insert('labels', values, `labels:${batch}`);
    await this.#insert('label_batches', [{ batch, labels: labels.length }], `batch:${batch}`);
  }

  /** The answer to an upload that came with this key before. */
  async answered(idempotency_key: string): Promise<string | undefined> {
    const found = await this.#client.query({
      query: `SELECT answer FROM ${this.#database}.label_uploads WHERE idempotency_key = {key:String} ORDER BY answered_at LIMIT 1`,
      query_params: { key: idempotency_key },
      format: 'JSONEachRow',
    });
    return UploadSchema.parse(await found.json())[0]?.answer;
  }

  async remember(idempotency_key: string, answer: string): Promise<void> {
    await this.#insert('label_uploads', [{ idempotency_key, answer }], `upload:${idempotency_key}`);
  }

  #insert(table: string, values: readonly object[], token: string): Promise<unknown> {
    return this.#client.insert({
      table: `${this.#database}.${table}`,
      values,
      format: 'JSONEachRow',
      clickhouse_settings: { ...INSERT, insert_deduplication_token: token },
    });
  }

  /** Microseconds, and some chance: other processes number batches too. */
  #batchNumber(): number {
    this.#last = Math.max(this.#last + 1, Date.now() * 1000 + Math.floor(Math.random() * 1000));
    return this.#last;
  }
}
