import { z } from 'zod';
import type { ClickHouseClient } from '../../../clickhouse/connection.js';
import { BATCH_LABELS } from '../label-writer.js';
import { Layouts } from '../layout-cache.js';
import {
  type Attachment,
  attach,
  difference,
  type SignedAttachment,
  targets,
  type WinningLabel,
} from './attachment.js';
import { type Head, Ledger } from './ledger.js';
import { Matches } from './matches.js';

/** A batch may become visible so much later than the moment that it carries. */
const BATCH_LAG_US = 120_000_000;
/** A row of the log may become visible so much later than the moment that it carries: an insert is given up after 60 s. */
const LOG_LAG_MS = 120_000;
/** How often new rows of the log are compared with labels that came before them. */
const EARLY_EVERY_MS = 5000;
/** Positions are written down even where nothing was to be decided. */
const HEADER_EVERY_MS = 300_000;

const count = z.coerce.number();
const BatchesSchema = z.array(z.object({ batch: count, received_us: count, labels: count }));
const NowSchema = z.array(z.object({ now_us: count }));

export interface JoinOptions {
  readonly client: ClickHouseClient;
  readonly database: string;
  /** Labels of outcomes that were known later than this after the prediction do not count. */
  readonly window_ms: number;
}

interface Batch {
  readonly batch: number;
  readonly received_us: number;
  readonly labels: number;
}

/**
 * Brings labels and predictions together, whichever came first. Each step looks at some labels, asks where they should be and where they are, and writes the
 * difference down; so a step that is repeated finds nothing to do, and it does not matter in which order things came.
 */
export class Joiner {
  readonly #client: ClickHouseClient;
  readonly #database: string;
  readonly #window_us: number;
  readonly #ledger: Ledger;
  readonly #matches: Matches;
  readonly #layouts: Layouts;
  /** The step that is known to be in the states. */
  #settled = 0;
  #early_at_ms = 0;
  /** Rows of the log before have met their labels, as far as this process knows. */
  #log_to_ms = 0;

  constructor({ client, database, window_ms }: JoinOptions) {
    this.#client = client;
    this.#database = database;
    this.#window_us = window_ms * 1000;
    this.#ledger = new Ledger(client, database);
    this.#matches = new Matches(client, database);
    this.#layouts = new Layouts(client, database);
  }

  /** One step. Whether there may be more to do at once. `thorough`: compare new rows with earlier labels even if that was done a moment ago. */
  async step(thorough = false): Promise<boolean> {
    const head = await this.#settledHead();
    const now_us = await this.#now();
    const waiting = await this.#waiting(head);
    const taken = firstOf(waiting, BATCH_LABELS);
    const labels = taken.length === 0 ? [] : await this.#matches.labelsOf(taken.map(({ batch }) => batch));
    const early = taken.length > 0 && !thorough ? undefined : await this.#early(head, now_us, thorough);
    const decided = await this.#decide([...labels, ...(early?.labels ?? [])]);
    const log_to_ms = early?.log_to_ms ?? this.#position(head);
    const isDue = head.step > 0 && now_us / 1000 - head.decided_ms > HEADER_EVERY_MS && log_to_ms > head.log_to_ms;
    if (taken.length === 0 && decided.length === 0 && !isDue) {
      this.#log_to_ms = log_to_ms;
      return false;
    }
    const rest = waiting.slice(taken.length);
    const batches_from_us = Math.min(now_us - BATCH_LAG_US, ...rest.slice(0, 1).map(({ received_us }) => received_us));
    const decision = {
      batches: taken.map(({ batch }) => batch),
      batches_from_us: Math.max(head.batches_from_us, batches_from_us),
      log_to_ms,
      rows: decided,
    };
    if (await this.#ledger.decide(head.step + 1, decision)) this.#log_to_ms = log_to_ms;
    await this.#settledHead();
    return rest.length > 0 || (early?.isCut ?? false);
  }

  /** What was decided last, by whomever, is in the states before anything else is decided. */
  async #settledHead(): Promise<Head> {
    const head = await this.#ledger.head();
    if (head.step > this.#settled) {
      await this.#ledger.settle(head.step);
      this.#settled = head.step;
    }
    return head;
  }

  #position({ log_to_ms }: Head): number {
    return Math.max(this.#log_to_ms, log_to_ms);
  }

  /** Labels that were there before the rows that have come since. */
  async #early(
    head: Head,
    now_us: number,
    thorough: boolean,
  ): Promise<{ readonly labels: WinningLabel[]; readonly log_to_ms: number; readonly isCut: boolean } | undefined> {
    const started_ms = performance.now();
    if (!thorough && started_ms - this.#early_at_ms < EARLY_EVERY_MS) return undefined;
    const now_ms = Math.floor(now_us / 1000);
    const from_ms = Math.max(0, this.#position(head) - LOG_LAG_MS);
    const labels = await this.#matches.earlyLabels(from_ms, now_ms, BATCH_LABELS);
    const isCut = labels.length === BATCH_LABELS;
    this.#early_at_ms = performance.now();
    return { labels, log_to_ms: isCut ? this.#position(head) : now_ms, isCut };
  }

  async #decide(labels: readonly WinningLabel[]): Promise<SignedAttachment[]> {
    const unique = [...new Map(labels.map((label) => [label.key, label])).values()];
    if (unique.length === 0) return [];
    const there = await this.#matches.attachments(unique.map(({ key }) => key));
    const found = await this.#matches.rowsOf(unique, this.#window_us);
    const decided: SignedAttachment[] = [];
    for (const label of unique) {
      const before = there.get(label.key) ?? [];
      const wanted: Attachment[] = [];
      for (const row of targets(
        label,
        found.get(label.key) ?? [],
        before.map((each) => each.row),
      )) {
        wanted.push(attach(label, row, await this.#layouts.version(row.model, row.version), this.#window_us));
      }
      decided.push(...difference(wanted, before));
    }
    return decided;
  }

  /** Batches that no step has taken, oldest first. */
  async #waiting({ batches_from_us }: Head): Promise<Batch[]> {
    const from = `fromUnixTimestamp64Micro(${batches_from_us}, 'UTC')`;
    return BatchesSchema.parse(
      await this.#rows(`SELECT batch, toUnixTimestamp64Micro(received_at) AS received_us, labels FROM ${this.#database}.label_batches
        WHERE received_at >= ${from} AND batch NOT IN (
          SELECT arrayJoin(batches) FROM ${this.#database}.labelled WHERE kind = 'step' AND decided_at >= ${from} - INTERVAL 1 MINUTE)
        ORDER BY received_at, batch LIMIT 10000`),
    );
  }

  async #now(): Promise<number> {
    const [{ now_us }] = NowSchema.parse(await this.#rows('SELECT toUnixTimestamp64Micro(now64(6)) AS now_us'));
    return now_us;
  }

  async #rows(query: string): Promise<unknown> {
    return (await this.#client.query({ query, format: 'JSONEachRow' })).json();
  }
}

/** The first batches that have at most so many labels, at least one batch. */
function firstOf(batches: readonly Batch[], most: number): Batch[] {
  let labels = 0;
  return batches.filter((batch, i) => {
    labels += batch.labels;
    return i === 0 || labels <= most;
  });
}
