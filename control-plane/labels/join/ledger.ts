import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ClickHouseClient } from '../../../clickhouse/connection.js';
import { TASKS } from '../../../contract/prediction-record.js';
import type { SignedAttachment } from './attachment.js';
import { type StateTable, stateCells } from './cells.js';

/** One insert is one block is one part: a step is there wholly or not at all, and a token is seen once. */
const INSERT = {
  async_insert: 0,
  wait_end_of_query: 1,
  max_insert_block_size: '100000000',
  input_format_parallel_parsing: 0,
  distributed_foreground_insert: 1,
} as const;

const count = z.coerce.number();
const HeadSchema = z.array(
  z.object({ step: count, claim: z.string(), batches_from_us: count, log_to_ms: count, decided_ms: count }),
);
const score = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const DecidedSchema = z.array(
  z.object({
    label_key: z.string(),
    sign: z.union([z.literal(1), z.literal(-1)]),
    outcome: z.enum(['joined', 'late', 'unusable']),
    task: z.enum(TASKS),
    label_text: z.string(),
    label_num: score,
    positive: z.number(),
    node: z.string(),
    epoch: count,
    seq: count,
    row_idx: z.number(),
    ts_us: count,
    model: z.string(),
    version: z.number(),
    variant: z.string(),
    segment: z.record(z.string(), z.string()),
    score,
    class: z.string(),
    share: z.number(),
  }),
);
export const DECIDED = `toString(label_key) AS label_key, sign, outcome, task, label_text, if(isNaN(label_num), NULL, label_num) AS label_num, positive,
  node, epoch, seq, row_idx, toUnixTimestamp64Micro(ts) AS ts_us, model, version, variant, segment, if(isNaN(score), NULL, score) AS score, class, share`;

/** How far the join has come. */
export interface Head {
  /** 0: nothing was decided yet. */
  readonly step: number;
  readonly claim: string;
  /** Batches of labels that arrived before are taken. */
  readonly batches_from_us: number;
  /** Rows of the log that arrived before have met the labels that were there. */
  readonly log_to_ms: number;
  readonly decided_ms: number;
}

export interface Decision {
  readonly batches: readonly number[];
  readonly batches_from_us: number;
  readonly log_to_ms: number;
  readonly rows: readonly SignedAttachment[];
}

/**
 * The steps of the join, numbered without gaps. Two processes may decide the same number: ClickHouse keeps the insert that came first and drops the other by its
 * token, and the one that finds another's claim under its number has decided nothing.
 */
export class Ledger {
  readonly #client: ClickHouseClient;
  readonly #database: string;

  constructor(client: ClickHouseClient, database: string) {
    this.#client = client;
    this.#database = database;
  }

  async head(): Promise<Head> {
    const [found] = HeadSchema.parse(
      await this.#rows(`SELECT step, claim, toUnixTimestamp64Micro(batches_from) AS batches_from_us, toUnixTimestamp64Milli(log_to) AS log_to_ms,
        toUnixTimestamp64Milli(decided_at) AS decided_ms FROM ${this.#database}.labelled WHERE kind = 'step' ORDER BY step DESC LIMIT 1`),
    );
    return found ?? { step: 0, claim: '', batches_from_us: 0, log_to_ms: 0, decided_ms: 0 };
  }

  /** Writes a step down. Whether it is this one that counts under its number. */
  async decide(step: number, { batches, batches_from_us, log_to_ms, rows }: Decision): Promise<boolean> {
    const claim = randomUUID();
    const header = {
      step,
      kind: 'step',
      claim,
      batches,
      batches_from: momentText(batches_from_us),
      log_to: momentText(log_to_ms * 1000),
    };
    await this.#insert('labelled', [header, ...rows.map((row) => ledgerRow(step, row))], `step:${step}`);
    return (await this.head()).claim === claim;
  }

  /** Adds a step to the states; again and again makes no difference. */
  async settle(step: number): Promise<void> {
    const found = await this.#rows(
      `SELECT ${DECIDED} FROM ${this.#database}.labelled WHERE kind = 'row' AND step = ${step} ORDER BY ALL`,
    );
    const cells = stateCells(readDecided(found));
    const tables: readonly StateTable[] = ['perf_hist', 'perf_class', 'perf_error', 'label_hist'];
    await Promise.all(
      tables.map(async (table) => {
        if (cells[table].length > 0) await this.#insert(table, cells[table], `step:${step}`);
      }),
    );
  }

  #insert(table: string, values: readonly object[], token: string): Promise<unknown> {
    return this.#client.insert({
      table: `${this.#database}.${table}`,
      values,
      format: 'JSONEachRow',
      clickhouse_settings: { ...INSERT, insert_deduplication_token: token },
    });
  }

  async #rows(query: string): Promise<unknown> {
    return (await this.#client.query({ query, format: 'JSONEachRow' })).json();
  }
}

/** Rows that were selected as DECIDED. */
export function readDecided(rows: unknown): SignedAttachment[] {
  return DecidedSchema.parse(rows).map(
    ({ label_key: key, sign, outcome, task, label_text: text, label_num: number, positive, ...row }) => ({
      key,
      sign,
      outcome,
      task,
      text,
      number,
      positive,
      row,
    }),
  );
}

function ledgerRow(step: number, { key, sign, outcome, task, text, number, positive, row }: SignedAttachment): object {
  const { ts_us, score: value, ...rest } = row;
  return {
    step,
    kind: 'row',
    label_key: key,
    sign,
    outcome,
    task,
    label_text: text,
    label_num: Number.isNaN(number) ? 'nan' : number,
    positive,
    ts: momentText(ts_us),
    score: Number.isNaN(value) ? 'nan' : Number.isFinite(value) ? value : value > 0 ? 'inf' : '-inf',
    ...rest,
  };
}

/** As every setting of ClickHouse reads it, to the microsecond. */
function momentText(us: number): string {
  const ms = Math.floor(us / 1000);
  const [date, time] = new Date(ms).toISOString().split('T');
  return `${date} ${time.slice(0, 12)}${String(us - ms * 1000).padStart(3, '0')}`;
}
