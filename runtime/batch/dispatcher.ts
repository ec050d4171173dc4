import { TidegateError } from '../../contract/error.js';
import { now_us } from '../../std/clock.js';
import type { Observer } from '../observe/observer.js';
import type { Link } from '../worker/link.js';
import type { Backlog } from './backlog.js';
import { type Batch, maxEntries, writeJob } from './batch.js';
import { completeBatch } from './completion.js';
import type { Entry } from './entry.js';
import { charge, leastServed } from './fair-share.js';
import type { ModelQueue } from './model-queue.js';

export interface DispatcherOptions {
  /** Batches that run at a time, over all models. */
  readonly workers: number;
  /** How long the socket thread keeps looking for a result before it sleeps. */
  readonly poll_us: number;
}

/** Time that models on the socket thread may take in one turn of its loop. */
const MOST_INLINE_US = 500;

/**
 * Gives what waits to worker threads: a batch starts when a thread of the model is idle and one of the `workers` permits is free.
 * Nothing is formed ahead of that, so a batch has every row that came while the last one ran.
 */
export class Dispatcher {
  readonly #backlog: Backlog;
  readonly #observer: Observer;
  readonly #options: DispatcherOptions;
  /** Shared with the threads: 1 means that nobody need ring, because this thread will look. */
  readonly #doorbell: Int32Array;
  /** What each link runs, oldest first; a link is in `#busy` while it has something unread. */
  readonly #batches = new WeakMap<Link, Batch[]>();
  readonly #busy = new Set<Link>();
  #permits: number;
  /** Time that worker threads spent on batches, in all. */
  busy_us = 0;
  #inFlight = 0;
  #started = 0;
  #progress_us = 0;
  #scheduled = false;
  #delay: NodeJS.Timeout | undefined;

  constructor(options: DispatcherOptions, backlog: Backlog, observer: Observer, doorbell: Int32Array) {
    this.#options = options;
    this.#backlog = backlog;
    this.#observer = observer;
    this.#doorbell = doorbell;
    backlog.copied = () => this.schedule();
    this.#permits = options.workers;
  }

  /** Batches in worker threads now. */
  get running(): number {
    return this.#inFlight;
  }

  submit(entry: Entry): void {
    this.#backlog.submit(entry);
    this.schedule();
  }

  cancel(entry: Entry): void {
    this.#backlog.cancel(entry);
  }

  /** Once a turn of the event loop, after all sockets were read: whatever came in one turn shares a batch. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.turn();
    });
  }

  /**
   * Collects and starts. While a run may be about to end the loop is kept turning, which costs less than a thread's message and
   * finds the result sooner; then the doorbell is armed and the loop may sleep.
   */
  turn(): void {
    const begun_us = now_us();
    if (this.#collect()) this.#progress_us = begun_us;
    if (this.#inFlight === 0) return;
    if (begun_us - this.#progress_us < this.#options.poll_us) {
      Atomics.store(this.#doorbell, 0, 1);
      this.schedule();
      return;
    }
    Atomics.store(this.#doorbell, 0, 0);
    // What was finished before the doorbell was armed rang no bell.
    if (this.#collect()) this.schedule();
  }

  /** The thread is gone: what it ran fails, once. */
  lost(link: Link, reason: string): void {
    // What it finished before lies in the ring and counts.
    this.#collect();
    const batches = this.#batches.get(link) ?? [];
    this.#batches.delete(link);
    this.#busy.delete(link);
    if (link.running > 0) this.#permits++;
    const text = `the worker thread that ran this request died (${reason}); the request may be sent again`;
    const error = new TidegateError('WORKER_LOST', text, { retry_after_ms: 100 });
    for (const batch of batches) {
      this.#inFlight--;
      for (const entry of batch.entries) this.#backlog.fail(entry, error);
    }
    this.schedule();
  }

  stop(): void {
    clearTimeout(this.#delay);
  }

  /** Takes what the threads have finished, and starts what may start. Returns whether anything moved. */
  #collect(): boolean {
    const started = this.#started;
    let collected = false;
    for (;;) {
      let found = false;
      for (const link of this.#busy) {
        const before = link.running;
        if (link.observe() && link.running === 0 && before > 0) this.#permits++;
        if (link.doneSlot >= 0) found = true;
      }
      // The threads get their next work before the answers to the last are written.
      this.#pump();
      if (!found) return collected || this.#started !== started;
      collected = true;
      for (const link of this.#busy) this.#complete(link);
    }
  }

  #pump(): void {
    const { active } = this.#backlog;
    if (active.size === 0) return;
    const begun_us = now_us();
    for (let at_us = begun_us; ; at_us = now_us()) {
      // Models that run on this thread must leave time for its sockets.
      if (at_us - begun_us > MOST_INLINE_US) {
        this.schedule();
        return;
      }
      // A shadow's work is nobody's: it takes what nobody else wants.
      const queue = leastServed(this.#startable(at_us, false)) ?? leastServed(this.#startable(at_us, true));
      const link = queue === undefined ? undefined : this.#idleLink(queue);
      if (queue === undefined || link === undefined) break;
      if (!this.#start(queue, link, at_us)) continue;
      if (link.inline) this.#complete(link);
      else this.#permits--;
      // The loop sees to its sockets between any two batches of shadows.
      if (queue.variant === 'shadow') {
        this.schedule();
        return;
      }
    }
    this.#prefetch(begun_us);
  }

  *#startable(at_us: number, shadows: boolean): Iterable<ModelQueue> {
    let soonest_us = Number.POSITIVE_INFINITY;
    for (const queue of this.#backlog.active) {
      if ((queue.variant === 'shadow') !== shadows || this.#idleLink(queue) === undefined) continue;
      const ready_us = queue.ready_us();
      if (ready_us <= at_us) yield queue;
      else if (ready_us < soonest_us) soonest_us = ready_us;
    }
    if (soonest_us < Number.POSITIVE_INFINITY) this.#wakeAt(soonest_us - at_us);
  }

  /**
   * A full batch may lie ready in a thread's other slot while it runs the last one, so that it never waits for this thread. Only
   * when no other model wants the permit.
   */
  #prefetch(at_us: number): void {
    const { active } = this.#backlog;
    if (active.size !== 1) return;
    for (const queue of active) {
      const { max_batch } = queue.version.batching;
      for (const link of queue.links) {
        const room = link.running === 1 && link.nextSlot >= 0;
        if (room && max_batch > 0 && queue.rows >= max_batch) this.#start(queue, link, at_us);
      }
    }
  }

  /** Returns whether a batch was started: everything that waited may have expired. */
  #start(queue: ModelQueue, link: Link, at_us: number): boolean {
    const entries = queue.take(at_us, maxEntries(queue.plan), (entry) => this.#backlog.expired(entry));
    if (queue.waiting === 0) this.#backlog.active.delete(queue);
    if (entries.length === 0) return false;
    let rows = 0;
    for (const entry of entries) {
      entry.phase = 'running';
      rows += entry.rows;
    }
    const batch: Batch = { queue, entries, rows, started_us: at_us, expected_us: queue.batch_us };
    this.#backlog.virtual_us = Math.max(this.#backlog.virtual_us, queue.served_us);
    charge(queue, batch.expected_us, queue.version.manifest.share);
    writeJob(link.ring.slots[link.nextSlot], batch);
    const running = this.#batches.get(link);
    if (running === undefined) this.#batches.set(link, [batch]);
    else running.push(batch);
    this.#busy.add(link);
    this.#inFlight++;
    this.#started++;
    link.submit();
    return true;
  }

  #complete(link: Link): void {
    const batches = this.#batches.get(link);
    for (let slot = link.doneSlot; slot >= 0; slot = link.doneSlot) {
      const batch = batches?.shift();
      if (batch === undefined) throw new RangeError('a link finished a job that it was never given');
      this.#inFlight--;
      this.busy_us += completeBatch(batch, link, slot, this.#backlog, this.#observer);
      link.consume();
    }
    if (batches === undefined || batches.length === 0) this.#busy.delete(link);
  }

  #wakeAt(delay_us: number): void {
    clearTimeout(this.#delay);
    this.#delay = setTimeout(() => this.turn(), Math.max(0, Math.ceil(delay_us / 1000)));
  }

  #idleLink(queue: ModelQueue): Link | undefined {
    for (const link of queue.links) {
      if (link.running === 0 && link.nextSlot >= 0 && (link.inline || this.#permits > 0)) return link;
    }
    return undefined;
  }
}
