import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { quoted } from '../../clickhouse/table.js';
import { SEVERITIES } from '../../contract/monitor.js';
import { type AlertChange, type AlertState, AlertStateSchema, FRESH } from './alert-machine.js';

/** One insert is one part, seen once by its token. */
const INSERT = { async_insert: 0, wait_end_of_query: 1, distributed_foreground_insert: 1 } as const;

const count = z.coerce.number();
const EntrySchema = z.object({
  monitor: z.string(),
  n: count,
  claim: z.string(),
  kind: z.enum(['evaluated', 'acknowledged', 'silenced', 'unsilenced']),
  at_ms: count,
  slot_ms: count,
  verdict: z.string(),
  value: z.number().nullable(),
  samples: count,
  change: z.enum(['', 'fired', 'resolved']),
  alert: count,
  is_muted: z.boolean(),
  model: z.string(),
  severity: z.enum(SEVERITIES),
  labels: z.record(z.string(), z.string()),
  evidence: z.string(),
  actor: z.string(),
  state: z.string().transform((text) => AlertStateSchema.parse(JSON.parse(text))),
});
export type LedgerEntry = z.infer<typeof EntrySchema>;

/** What an entry says besides its number. */
export interface NewEntry {
  readonly kind: LedgerEntry['kind'];
  readonly at_ms: number;
  readonly slot_ms: number;
  readonly verdict: string;
  readonly value: number | undefined;
  readonly samples: number;
  readonly change: AlertChange | undefined;
  readonly is_muted: boolean;
  readonly model: string;
  readonly severity: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly evidence: string;
  readonly actor: string;
  readonly state: AlertState;
}

const COLUMNS = `monitor, n, claim, kind, toUnixTimestamp64Milli(at) AS at_ms, toUnixTimestamp64Milli(slot) AS slot_ms, verdict, if(isFinite(value), value, NULL) AS value,
  samples, change, alert, is_muted, model, severity, labels, evidence, actor, state`;

export interface MonitorHead {
  /** 0: there is no entry yet. */
  readonly n: number;
  readonly state: AlertState;
  /** End of the window that was looked at last. */
  readonly slot_ms: number;
}

/** Entries of monitors, numbered without gaps. Of two writers of one number the first counts, and the other is told so. */
export class MonitorLedger {
  readonly #client: ClickHouseClient;
  readonly #database: string;

  constructor(client: ClickHouseClient, database: string) {
    this.#client = client;
    this.#database = database;
  }

  async head(monitor: string): Promise<MonitorHead> {
    const [last] = await this.entries(`monitor = ${quoted(monitor)}`, 1);
    if (last === undefined) return { n: 0, state: FRESH, slot_ms: 0 };
    if (last.kind === 'evaluated') return { n: last.n, state: last.state, slot_ms: last.slot_ms };
    const [looked] = await this.entries(`monitor = ${quoted(monitor)} AND kind = 'evaluated'`, 1);
    return { n: last.n, state: last.state, slot_ms: looked?.slot_ms ?? 0 };
  }

  /** Whether it is this entry that has the number. */
  async append(monitor: string, n: number, entry: NewEntry): Promise<boolean> {
    const claim = randomUUID();
    const { at_ms, slot_ms, value, change, state, ...rest } = entry;
    await this.#client.insert({
      table: `${this.#database}.monitor_ledger`,
      values: [
        {
          monitor,
          n,
          claim,
          ...rest,
          at: momentText(at_ms),
          slot: momentText(slot_ms),
          value: value === undefined ? 'nan' : value,
          change: change ?? '',
          alert: state.alert,
          state: JSON.stringify(state),
        },
      ],
      format: 'JSONEachRow',
      clickhouse_settings: { ...INSERT, insert_deduplication_token: `${monitor}:${n}` },
    });
    const [found] = await this.entries(`monitor = ${quoted(monitor)} AND n = ${n}`, 1);
    return found?.claim === claim;
  }

  /** Newest first. */
  async entries(where: string, most: number): Promise<LedgerEntry[]> {
    const answer = await this.#client.query({
      query: `SELECT ${COLUMNS} FROM ${this.#database}.monitor_ledger WHERE ${where} ORDER BY monitor_ledger.at DESC, n DESC LIMIT ${most}`,
      format: 'JSONEachRow',
    });
    return z.array(EntrySchema).parse(await answer.json());
  }

  /** The last entry of each monitor. */
  async latest(): Promise<LedgerEntry[]> {
    const newest = `(monitor, n) IN (SELECT monitor, max(n) FROM ${this.#database}.monitor_ledger GROUP BY monitor)`;
    return this.entries(newest, 10_000);
  }
}

/** As ClickHouse reads a DateTime64, whatever its settings. */
export function momentText(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}
