import { classifyFailure, type Failure } from '../../../clickhouse/failure.js';
import { DEDUPLICATION_WINDOW } from '../../../clickhouse/table.js';
import type { LogLayout } from '../../../contract/prediction-record.js';
import type { BatchEncoder } from './batch-encoder.js';
import type { BatchPlan, Piece } from './checkpoint.js';
import { type DeadLetters, deadRow } from './dead-letters.js';
import type { LogStore } from './log-store.js';
import type { Pause } from './pause.js';
import { MOST_DEAD_OF_A_BATCH, refusedFirst, sentFirst, tokenOf } from './pieces.js';
import type { ShipperStatus } from './status.js';
import { UNENCODABLE, Unencodable } from './unencodable.js';

/** Younger batches are surely still within the window of their token: nobody inserts ten thousand times in that time. */
const SURELY_REMEMBERED_MS = 60_000;
/** Inserts that others may make between our look and our own. */
const WINDOW_MARGIN = 1000;
/** A failure that tells nothing is tried so often before the values are suspected. */
const UNKNOWN_TRIES = 5;

/** The shipper is to stop, and the batch stays where it is: it goes with the same token next time. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

export interface DeliveryParts {
  readonly store: LogStore;
  readonly encoder: BatchEncoder;
  readonly dead: DeadLetters;
  readonly status: ShipperStatus;
  readonly pause: Pause;
  /** Writes the plan to disk. */
  readonly keep: (plan: BatchPlan) => void;
  readonly failed: (failure: Failure, what: string) => void;
  /** How long to wait after so many failures in a row. */
  readonly wait_ms: (failures: number) => number;
}

/** Brings one settled batch into the store, however long that takes: once. */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #layouts = new Set<string>();
  #failures = 0;
  #migrated = false;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** `layouts`: of the rows that lie encoded in the block; undefined: the batch may have been sent by an earlier process. */
  async deliver(settled: BatchPlan, layouts: readonly LogLayout[] | undefined): Promise<BatchPlan> {
    let plan = settled;
    let encoded = layouts === undefined ? undefined : plan.pieces[0];
    let needed = layouts;
    let sent = layouts === undefined;
    while (plan.pieces.length > 0) {
      const [piece] = plan.pieces;
      let failure: Failure | undefined;
      if (encoded !== piece || needed === undefined) {
        const found = this.#encode(plan, piece);
        if (found instanceof Unencodable) failure = found.failure;
        else [needed, encoded] = [found, piece];
      }
      if (failure === undefined && needed !== undefined) {
        failure = await this.#attempt(plan, piece, needed, sent);
        sent = true;
      }
      if (failure === undefined) plan = sentFirst(plan);
      else if (this.#isPoison(failure, plan)) plan = this.#refused(plan, failure);
      else await this.#wait(failure);
      if (failure === undefined && plan.pieces.length > 0) this.#parts.keep(plan);
    }
    this.#migrated = false;
    return plan;
  }

  #encode(plan: BatchPlan, piece: Piece): readonly LogLayout[] | Unencodable {
    try {
      return this.#parts.encoder.encode(plan, piece);
    } catch (error) {
      if (error instanceof Unencodable) return error;
      throw error;
    }
  }

  async #attempt(
    plan: BatchPlan,
    piece: Piece,
    layouts: readonly LogLayout[],
    sent: boolean,
  ): Promise<Failure | undefined> {
    const { store, encoder, status } = this.#parts;
    try {
      for (const layout of layouts) await this.#tell(layout);
      if (sent && (await this.#isThere(plan))) status.found_shipped++;
      else if (encoder.block.rows > 0) await store.insert(encoder.encoded(), tokenOf(plan, piece));
    } catch (error) {
      return error instanceof Unencodable ? error.failure : classifyFailure(error);
    }
    this.#failures = 0;
    status.blocked = '';
    return undefined;
  }

  async #tell(layout: LogLayout): Promise<void> {
    const key = JSON.stringify(layout);
    if (this.#layouts.has(key)) return;
    await this.#parts.store.insertLayout(layout);
    this.#layouts.add(key);
  }

  /** Whether the rows of an old batch are in the table, and its token may be forgotten: to send them would double them. */
  async #isThere(plan: BatchPlan): Promise<boolean> {
    if (plan.pieces.length !== 1 || Date.now() - plan.planned_at_ms < SURELY_REMEMBERED_MS) return false;
    const [[from, to]] = plan.pieces;
    if (from !== 0 || to !== plan.rows) return false;
    const seen = await this.#parts.store.seen(plan.node, plan.epoch, plan.first_seq, plan.last_seq);
    return seen.rows >= plan.rows && seen.inserts_since >= DEDUPLICATION_WINDOW - WINDOW_MARGIN;
  }

  #isPoison(failure: Failure, plan: BatchPlan): boolean {
    // No patience helps, and no store has anything to do with it.
    if (failure.code === UNENCODABLE) return true;
    if (plan.dead >= MOST_DEAD_OF_A_BATCH) return false;
    return failure.kind === 'data' || (failure.kind === 'unknown' && this.#failures >= UNKNOWN_TRIES);
  }

  #refused(before: BatchPlan, failure: Failure): BatchPlan {
    const { status, keep, failed } = this.#parts;
    status.failures[failure.kind]++;
    const { plan, poison } = refusedFirst(before);
    if (poison !== undefined) {
      this.#bury(before, poison, failure);
      const what = failure.code === UNENCODABLE ? 'a row cannot be encoded' : 'a row was refused';
      failed(failure, `${what}, and is kept as a dead letter`);
    }
    keep(plan);
    return plan;
  }

  #bury(plan: BatchPlan, poison: Piece, failure: Failure): void {
    const { encoder, dead, status } = this.#parts;
    const { node, epoch } = plan;
    encoder.visit(plan, poison, (found, row_idx) => {
      const { message: reason, code } = failure;
      const letter = { reason, code, node, epoch, seq: found.seq, row_idx, row: deadRow(found, row_idx) };
      if (dead.write(letter)) status.dead_letters++;
      else status.dead_letters_lost++;
    });
  }

  async #wait(failure: Failure): Promise<void> {
    const { status, store, pause, failed, wait_ms } = this.#parts;
    this.#failures++;
    status.failures[failure.kind]++;
    status.blocked = failure.kind;
    status.last_error = failure.message;
    failed(failure, WAITING[failure.kind]);
    if (failure.kind === 'schema' && !this.#migrated) {
      this.#migrated = true;
      try {
        await store.migrate();
        return;
      } catch (error) {
        failed(classifyFailure(error), 'the tables of the prediction log could not be made');
      }
    }
    await pause.for(wait_ms(this.#failures));
    if (pause.stopping) throw new Interrupted();
  }
}

const WAITING = {
  unavailable: 'predictions wait in the spool until ClickHouse can take them',
  schema: 'predictions wait in the spool: the tables of ClickHouse are not what this program knows',
  access: 'predictions wait in the spool: ClickHouse refuses user, password or rights; see clickhouse_user',
  data: 'predictions wait in the spool: ClickHouse refuses the values of too many rows',
  unknown: 'predictions wait in the spool: ClickHouse refused them',
} as const;
