import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { quoted } from '../../clickhouse/table.js';
import type { AlertRoute } from '../../contract/monitor.js';
import { type LedgerEntry, type MonitorLedger, momentText } from '../monitor/monitor-ledger.js';
import { isFor, type LastAttempt, MOST_ATTEMPTS, nextAttempt } from './due.js';
import { sendEmail } from './email.js';
import { payloadOf } from './payload.js';
import { postWebhook, type Sent } from './webhook.js';

/** Changes that are older are history: nobody wants to be woken by them. */
const NEWS_MS = 86_400_000;
const MOST_CHANGES = 1000;
const INSERT = { async_insert: 0, wait_end_of_query: 1, distributed_foreground_insert: 1 } as const;

const count = z.coerce.number();
const AttemptSchema = z.array(
  z.object({
    monitor: z.string(),
    n: count,
    attempt: z.number(),
    outcome: z.enum(['started', 'sent', 'failed', 'dead']),
    at_ms: count,
  }),
);
const ClaimSchema = z.array(z.object({ monitor: z.string(), n: count, claim: z.string() }));

interface Due {
  readonly change: LedgerEntry;
  readonly attempt: number;
}

/** Tells routes of alerts that fired or were resolved. Every attempt is written down before it is made, so that of several processes one makes it, and a killed one's is made again. */
export class Outbox {
  readonly #client: ClickHouseClient;
  readonly #database: string;
  readonly #ledger: MonitorLedger;
  readonly #control_url: () => string;
  readonly #now_ms: () => number;

  constructor(
    client: ClickHouseClient,
    database: string,
    ledger: MonitorLedger,
    control_url: () => string,
    now_ms: () => number,
  ) {
    this.#client = client;
    this.#database = database;
    this.#ledger = ledger;
    this.#control_url = control_url;
    this.#now_ms = now_ms;
  }

  /** Makes the attempts that are due. Routes do not wait for each other. */
  async deliverDue(routes: readonly AlertRoute[]): Promise<void> {
    if (routes.length === 0) return;
    const since = momentText(this.#now_ms() - NEWS_MS);
    const changes = (
      await this.#ledger.entries(
        `change != '' AND NOT is_muted AND monitor_ledger.at >= ${quoted(since)}`,
        MOST_CHANGES,
      )
    ).reverse();
    if (changes.length === 0) return;
    await Promise.all(routes.map((route) => this.#deliver(route, changes)));
  }

  async #deliver(route: AlertRoute, changes: readonly LedgerEntry[]): Promise<void> {
    const last = await this.#lastAttempts(route.metadata.name);
    const now_ms = this.#now_ms();
    const due = changes.flatMap((change): Due[] => {
      if (!isFor(route, change)) return [];
      const attempt = nextAttempt(change, last.get(keyOf(change)), route.spec, now_ms);
      return attempt === undefined ? [] : [{ change, attempt }];
    });
    const claimed = await this.#claim(route, due);
    if (claimed.length === 0) return;
    const sent = await this.#send(
      route,
      claimed.map(({ change }) => change),
    );
    await this.#finish(route, claimed, sent);
  }

  #send({ metadata, spec }: AlertRoute, changes: readonly LedgerEntry[]): Promise<Sent> {
    const url = this.#control_url();
    const delivery = `${metadata.name}:${changes.length}:${keyOf(changes[0])}`;
    const { webhook, email } = spec;
    if (email !== undefined) return sendEmail(email, changes, { delivery, control_url: url });
    if (webhook === undefined) throw new RangeError(`route '${metadata.name}' has nobody to tell`);
    return postWebhook(webhook, payloadOf(metadata.name, webhook, changes, url), delivery, this.#now_ms());
  }

  async #lastAttempts(route: string): Promise<Map<string, LastAttempt>> {
    const rows = AttemptSchema.parse(
      await this.#rows(`SELECT monitor, n, last.1 AS attempt, last.2 AS outcome, toUnixTimestamp64Milli(last.3) AS at_ms FROM (
        SELECT monitor, n, argMax((attempt, toString(outcome), at), (attempt, outcome != 'started', at)) AS last
        FROM ${this.#database}.alert_deliveries WHERE route = ${quoted(route)} GROUP BY monitor, n)`),
    );
    return new Map(rows.map((row) => [keyOf(row), row]));
  }

  /** Those that nobody else has begun. */
  async #claim({ metadata }: AlertRoute, due: readonly Due[]): Promise<Due[]> {
    const claim = randomUUID();
    for (const { change, attempt } of due) {
      const token = `${metadata.name}:${keyOf(change)}:${attempt}`;
      await this.#insert([this.#row(metadata.name, { change, attempt }, 'started', claim, '')], token);
    }
    if (due.length === 0) return [];
    const found = ClaimSchema.parse(
      await this.#rows(
        `SELECT monitor, n, claim FROM ${this.#database}.alert_deliveries WHERE route = ${quoted(metadata.name)} AND claim = ${quoted(claim)}`,
      ),
    );
    const ours = new Set(found.map(keyOf));
    return due.filter(({ change }) => ours.has(keyOf(change)));
  }

  async #finish({ metadata }: AlertRoute, made: readonly Due[], { ok, detail }: Sent): Promise<void> {
    const rows = made.map((each) => {
      const outcome = ok ? 'sent' : each.attempt >= MOST_ATTEMPTS ? 'dead' : 'failed';
      return this.#row(metadata.name, each, outcome, '', detail);
    });
    await this.#insert(rows, randomUUID());
  }

  #row(
    route: string,
    { change, attempt }: Due,
    outcome: LastAttempt['outcome'],
    claim: string,
    detail: string,
  ): object {
    const at = momentText(this.#now_ms());
    return { route, monitor: change.monitor, n: change.n, attempt, outcome, claim, at, detail };
  }

  #insert(values: readonly object[], token: string): Promise<unknown> {
    return this.#client.insert({
      table: `${this.#database}.alert_deliveries`,
      values,
      format: 'JSONEachRow',
      clickhouse_settings: { ...INSERT, insert_deduplication_token: token },
    });
  }

  async #rows(query: string): Promise<unknown> {
    return (await this.#client.query({ query, format: 'JSONEachRow' })).json();
  }
}

function keyOf({ monitor, n }: { readonly monitor: string; readonly n: number }): string {
  return `${monitor}:${n}`;
}
