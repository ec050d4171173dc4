import { classifyFailure, type Failure } from '../../../clickhouse/failure.js';
import type { LogLayout } from '../../../contract/prediction-record.js';
import { SegmentReader, SegmentUnreadable } from '../segment-reader.js';
import { segmentsOf } from '../spool-directory.js';
import type { SpoolPosition, SpoolState } from '../spool-state.js';
import { backOff_ms } from './back-off.js';
import { BatchEncoder, type BatchLimits } from './batch-encoder.js';
import { BatchSource } from './batch-source.js';
import { type BatchPlan, type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { DeadLetters } from './dead-letters.js';
import { Delivery, Interrupted } from './delivery.js';
import type { LogStore } from './log-store.js';
import { Pause } from './pause.js';
import { resumePosition, type SegmentOfLife } from './resume.js';
import { SpecCache } from './spec-cache.js';
import { newStatus } from './status.js';
import { IdleShare, yield_ms } from './yielding.js';

export interface ShippingOptions {
  /** Folder of the spool. */
  readonly directory: string;
  readonly dead_letters: string;
  readonly dead_letter_bytes: number;
  /** Batches are this far apart while there is not a full one. */
  readonly ship_ms: number;
  /** Most rows a second after an outage; 0: as many as go. */
  readonly rows_per_s: number;
  readonly spec_poll_ms: number;
  /** Predictions of a saturated machine go first while no more than this waits. */
  readonly yield_bytes: number;
  readonly limits: BatchLimits;
}

export const BATCH_LIMITS: BatchLimits = { rows: 50_000, bytes: 16 * 1024 * 1024 };

export interface ShippingEvents {
  /** Told after every batch and every failure; `status` has changed. */
  changed(): void;
  failed(failure: Failure, what: string): void;
}

/**
 * Reads the spool in order and brings it into the store, one batch at a time: settle what goes with which token, write that down, send it
 * until it is there, move on, delete what is behind.
 */
export class Shipping {
  readonly status = newStatus();
  readonly #options: ShippingOptions;
  readonly #state: SpoolState;
  readonly #store: LogStore;
  readonly #events: ShippingEvents;
  readonly #source: BatchSource;
  readonly #specs: SpecCache;
  readonly #encoder: BatchEncoder;
  readonly #delivery: Delivery;
  readonly #pause = new Pause();
  readonly #idle = new IdleShare();
  #position: SpoolPosition = { segment: 0, offset: 0 };
  #epoch = 0;
  #specs_due_ms = 0;
  /** Since when there has been something to ship; 0: there is nothing. */
  #behind_since_ms = 0;

  constructor(
    options: ShippingOptions,
    state: SpoolState,
    store: LogStore,
    events: ShippingEvents,
    wait_ms: (failures: number) => number = backOff_ms,
  ) {
    this.#options = options;
    this.#state = state;
    this.#store = store;
    this.#events = events;
    this.#source = new BatchSource(options.directory, state);
    this.#specs = new SpecCache(options.directory);
    this.#encoder = new BatchEncoder(this.#source, this.#specs);
    this.#delivery = new Delivery({
      store,
      encoder: this.#encoder,
      dead: new DeadLetters(options.dead_letters, options.dead_letter_bytes),
      status: this.status,
      pause: this.#pause,
      keep: (plan) => this.#write(plan),
      failed: (failure, what) => {
        this.#events.failed(failure, what);
        this.#look();
      },
      wait_ms,
    });
  }

  /** What has been written until now is still tried to be shipped, once. */
  stop(): void {
    this.#pause.stop();
  }

  /** Ends after `stop`. Throws what the file system throws. */
  async run(): Promise<void> {
    try {
      await this.#prepare();
      await this.#resume();
      for (;;) {
        const began_ms = performance.now();
        // What was written before the stop is seen by the pass that begins after it.
        const last = this.#pause.stopping;
        await this.#learnSpecs();
        const more = await this.#shipOne();
        if (!more && last) return;
        await this.#yield(performance.now() - began_ms);
        if (!more) await this.#pause.for(this.#options.ship_ms - (performance.now() - began_ms));
      }
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    } finally {
      this.#source.close();
    }
  }

  async #yield(took_ms: number): Promise<void> {
    const pressure = { busy: this.#state.busy, idle: this.#idle.now(), lag_bytes: this.status.lag_bytes };
    await this.#pause.for(yield_ms(took_ms, pressure, this.#options.yield_bytes));
  }

  /** A ClickHouse that is away is met again with the first batch; steps of the schema that it lacks then are taken there. */
  async #prepare(): Promise<void> {
    try {
      await this.#store.migrate();
    } catch (error) {
      const failure = classifyFailure(error);
      if (failure.kind !== 'unavailable')
        this.#events.failed(failure, 'the tables of the prediction log could not be made');
    }
  }

  async #resume(): Promise<void> {
    const { directory } = this.#options;
    const checkpoint = readCheckpoint(directory);
    this.#epoch = checkpoint?.epoch ?? 0;
    this.#position = resumePosition(checkpoint, livesOf(directory));
    if (checkpoint?.plan !== undefined) {
      await this.#deliver(checkpoint.plan, undefined);
      this.#write(undefined);
    } else this.#moved();
  }

  /** Returns whether there may be more at once: the batch was full. */
  async #shipOne(): Promise<boolean> {
    const { limits, rows_per_s } = this.#options;
    const began_ms = performance.now();
    const settled = this.#encoder.settle(this.#position, limits);
    if (settled === undefined) {
      this.status.passes++;
      this.#look();
      return false;
    }
    if (!('plan' in settled)) {
      this.#position = settled;
      this.#write(undefined);
      return true;
    }
    this.#behind_since_ms ||= began_ms;
    this.#write(settled.plan);
    await this.#deliver(settled.plan, settled.layouts);
    if (!settled.full) this.#write(undefined);
    const { rows } = settled.plan;
    if (rows_per_s > 0) await this.#pause.for((1000 * rows) / rows_per_s - (performance.now() - began_ms));
    return settled.full || this.#isBehind();
  }

  async #deliver(plan: BatchPlan, layouts: readonly LogLayout[] | undefined): Promise<void> {
    const done = await this.#delivery.deliver(plan, layouts);
    this.#epoch = plan.epoch;
    this.status.shipped_rows += plan.rows - done.dead;
    this.status.shipped_batches++;
    this.#behind_since_ms = 0;
    // Written with the plan of the next batch, if one follows at once.
    this.#position = plan.to;
  }

  /** Another segment lies behind: an earlier life's, or the next one of this. */
  #isBehind(): boolean {
    return this.#position.segment < this.#state.written.segment;
  }

  #write(plan: BatchPlan | undefined): void {
    const checkpoint: Checkpoint = { position: this.#position, epoch: this.#epoch };
    writeCheckpoint(this.#options.directory, plan === undefined ? checkpoint : { ...checkpoint, plan });
    this.#moved();
  }

  /** What lies before the position of the checkpoint is not needed any more. */
  #moved(): void {
    this.#state.ship(this.#position);
    this.#source.deleteBefore(this.#position);
    this.#look();
  }

  #look(): void {
    const { status } = this;
    const { counters } = this.#source;
    status.lag_bytes = this.#source.bytesFrom(this.#position);
    if (status.lag_bytes === 0) this.#behind_since_ms = 0;
    else this.#behind_since_ms ||= performance.now();
    status.lag_ms = this.#behind_since_ms === 0 ? 0 : performance.now() - this.#behind_since_ms;
    status.damaged = counters.damaged;
    status.damaged_bytes = counters.damaged_bytes;
    status.unknown_records = counters.unknown;
    status.unreadable_segments = counters.unreadable_segments;
    this.#events.changed();
  }

  /** Rows are shipped with the specs that are known: to wait for others would hold them up for a store that is away. */
  async #learnSpecs(): Promise<void> {
    if (performance.now() < this.#specs_due_ms) return;
    this.#specs_due_ms = performance.now() + this.#options.spec_poll_ms;
    try {
      this.#specs.learn(await this.#store.specs());
    } catch (error) {
      this.status.spec_failures++;
      this.status.last_error = classifyFailure(error).message;
    }
  }
}

/** Which life wrote each segment, as far as their headers can be read. */
function livesOf(directory: string): SegmentOfLife[] {
  return segmentsOf(directory).flatMap(({ number }) => {
    try {
      const reader = SegmentReader.open(directory, number);
      reader.close();
      return [{ number, epoch: reader.header.epoch }];
    } catch (error) {
      if (error instanceof SegmentUnreadable) return [];
      throw error;
    }
  });
}
