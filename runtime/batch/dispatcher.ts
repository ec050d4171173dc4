import { TidegateError } from '../../contract/error.js';
import type { StageTimes } from '../../contract/inference.js';
import type { Limits } from '../../contract/limits.js';
import { now_us } from '../../std/clock.js';
import type { LoadReport, ModelHost, ServedVersion } from '../model/served-version.js';
import type { Observer } from '../observe/observer.js';
import { JOB, STATUS, TIME } from '../worker/job-ring.js';
import { WorkerFleet } from '../worker/worker-fleet.js';
import type { WorkerLink } from '../worker/worker-link.js';
import { type Batch, maxEntries, writeJob } from './batch.js';
import type { Entry } from './entry.js';
import { ExpirySweep } from './expiry-sweep.js';
import { charge, leastServed, settle, wake } from './fair-share.js';
import { ModelQueue } from './model-queue.js';
import { planRequests } from './request-plan.js';
import { BatchResult } from './result.js';
import { SlabArena } from './slab-arena.js';

export interface DispatcherOptions {
  /** Batches that run at a time, over all models. */
  readonly workers: number;
  readonly max_threads: number;
  readonly spin_us: number;
  readonly limits: Limits;
}

/**
 * Holds what waits, and gives it to worker threads: a batch starts when a thread of the model is idle and one of the `workers`
 * permits is free. Nothing is formed ahead of that, so a batch has every row that came while the last one ran.
 */
export class Dispatcher implements ModelHost {
  readonly arena: SlabArena;
  readonly fleet: WorkerFleet;
  readonly #queues = new Map<number, ModelQueue>();
  /** Queues in which something waits. */
  readonly #active = new Set<ModelQueue>();
  readonly #batches = new Map<WorkerLink, Batch[]>();
  readonly #observer: Observer;
  readonly #options: DispatcherOptions;
  readonly #sweep: ExpirySweep;
  #permits: number;
  #virtual_us = 0;
  #delay: NodeJS.Timeout | undefined;

  constructor(options: DispatcherOptions, observer: Observer) {
    this.#options = options;
    this.#observer = observer;
    this.#permits = options.workers;
    this.#sweep = new ExpirySweep((at_us) => this.#expire(at_us));
    // State of sequences lies in the same memory, besides what may be queued.
    this.arena = new SlabArena(options.limits.max_queue_bytes * 2, {
      segmentAdded: (id, buffer) => this.fleet.segmentAdded(id, buffer),
      segmentDropped: (id) => this.fleet.segmentDropped(id),
    });
    this.fleet = new WorkerFleet(
      { max_threads: options.max_threads, spin_us: options.spin_us, segments: () => this.arena.segments() },
      {
        completed: () => {
          Atomics.store(this.fleet.doorbell, 0, 0);
          this.collect();
        },
        lost: (link, reason) => this.#lost(link, reason),
        placed: (handle, link) => this.#placed(handle, link),
        abandoned: (handle, reason) => this.#abandoned(handle, reason),
      },
    );
  }

  queue(handle: number): ModelQueue | undefined {
    return this.#queues.get(handle);
  }

  *queues(): Iterable<ModelQueue> {
    yield* this.#queues.values();
  }

  announce(version: ServedVersion): void {
    this.#queues.set(version.handle, new ModelQueue(version, planRequests(version), this.#options.limits));
  }

  async load(version: ServedVersion, signal: AbortSignal): Promise<LoadReport> {
    const queue = this.#known(version.handle);
    return this.fleet.load(queue.plan.order, version.instances, signal);
  }

  busy(handle: number): boolean {
    const queue = this.#queues.get(handle);
    return queue !== undefined && (queue.open_requests > 0 || queue.open_sequences > 0);
  }

  async drain(handle: number, timeout_ms: number): Promise<void> {
    const until_ms = performance.now() + timeout_ms;
    while (this.busy(handle) && performance.now() < until_ms) await new Promise((resolve) => setTimeout(resolve, 5));
    const queue = this.#queues.get(handle);
    if (queue === undefined) return;
    const { model, version: number } = queue.version;
    this.#failWaiting(
      queue,
      new TidegateError(
        'MODEL_NOT_READY',
        `version ${number} of '${model}' was retired before this request could run; send it again`,
      ),
    );
  }

  async unload(handle: number): Promise<void> {
    const queue = this.#queues.get(handle);
    if (queue !== undefined) queue.links = [];
    await this.fleet.unload(handle);
  }

  forget(handle: number, reason: Error): void {
    const queue = this.#queues.get(handle);
    if (queue === undefined) return;
    queue.refusal = reason;
    this.#failWaiting(queue, refusal(reason));
    this.#queues.delete(handle);
    this.#active.delete(queue);
  }

  /** Puts an entry into its lane; its block and its permit were taken by admission. */
  submit(entry: Entry): void {
    const { queue } = entry;
    queue.open_requests++;
    queue.open_bytes += entry.bytes;
    entry.lane.users++;
    this.#observer.admitted(queue.version);
    const { sequence } = entry;
    if (sequence !== undefined) {
      sequence.used_us = entry.admitted_us;
      if (sequence.busy) {
        entry.phase = 'held';
        sequence.held.push(entry);
        return;
      }
      sequence.busy = true;
    }
    this.#enqueue(queue, entry);
    this.pump();
  }

  /** Ends an entry that does not run yet. A running one only loses its waiter. */
  cancel(entry: Entry): void {
    if (entry.phase === 'done') return;
    const { queue, waiter } = entry;
    entry.waiter = undefined;
    if (waiter !== undefined) this.#observer.failed(queue.version, entry.face, CANCELLED, now_us() - entry.arrived_us);
    if (entry.phase !== 'running') this.#end(queue, entry);
  }

  fail(entry: Entry, error: TidegateError): void {
    const { queue } = entry;
    const { waiter } = entry;
    entry.waiter = undefined;
    if (waiter !== undefined) this.#observer.failed(queue.version, entry.face, error, now_us() - entry.arrived_us);
    this.#end(queue, entry);
    waiter?.failed(error);
  }

  /** Takes what the threads have finished. Called when one rings, and whenever the socket thread passes by. */
  collect(): void {
    for (;;) {
      let moved = false;
      for (const link of this.#batches.keys()) {
        const before = link.running;
        if (link.observe() && link.running === 0 && before > 0) this.#permits++;
        if (link.doneSlot >= 0) moved = true;
      }
      // The threads get their next work before the answers to the last are written.
      this.pump();
      if (!moved) return;
      for (const link of this.#batches.keys()) this.#collectFrom(link);
    }
  }

  /** Starts whatever may start now. */
  pump(): void {
    const at_us = this.#active.size > 0 ? now_us() : 0;
    while (this.#permits > 0) {
      const queue = leastServed(this.#startable(at_us));
      if (queue === undefined) break;
      const link = idleLink(queue);
      if (link === undefined) break;
      if (this.#start(queue, link, at_us)) this.#permits--;
    }
    this.#prefetch(at_us);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#delay);
    this.#sweep.stop();
    await this.fleet.stop();
  }

  *#startable(at_us: number): Iterable<ModelQueue> {
    let soonest_us = Number.POSITIVE_INFINITY;
    for (const queue of this.#active) {
      if (idleLink(queue) === undefined) continue;
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
    if (this.#active.size !== 1) return;
    for (const queue of this.#active) {
      const { max_batch } = queue.version.batching;
      for (const link of queue.links) {
        if (link.running !== 1 || link.nextSlot < 0 || max_batch === 0 || queue.rows < max_batch) continue;
        this.#start(queue, link, at_us);
      }
    }
  }

  #start(queue: ModelQueue, link: WorkerLink, at_us: number): boolean {
    const entries = queue.take(at_us, maxEntries(queue.plan), (entry) => this.#expired(entry));
    if (queue.waiting === 0) this.#active.delete(queue);
    if (entries.length === 0) return false;
    const rows = entries.reduce((sum, entry) => sum + entry.rows, 0);
    const expected_us = queue.batch_us;
    const batch: Batch = { queue, entries, rows, started_us: at_us, expected_us };
    for (const entry of entries) entry.phase = 'running';
    this.#virtual_us = Math.max(this.#virtual_us, queue.served_us);
    charge(queue, expected_us, queue.version.manifest.share);
    writeJob(link.ring.slots[link.nextSlot], batch);
    queue.running_batches++;
    const running = this.#batches.get(link);
    if (running === undefined) this.#batches.set(link, [batch]);
    else running.push(batch);
    link.submit();
    return true;
  }

  #collectFrom(link: WorkerLink): void {
    for (let slot = link.doneSlot; slot >= 0; slot = link.doneSlot) {
      const batch = this.#batches.get(link)?.shift();
      if (batch === undefined) return;
      const job = link.ring.slots[slot];
      const times = link.ring.times[slot];
      batch.queue.running_batches--;
      if (job[JOB.STATUS] === STATUS.OK) {
        this.#answer(
          batch,
          new BatchResult(job, link.outputs[slot], batch.queue.plan, batch.queue.plan.max_batch > 0 ? batch.rows : 0),
          {
            queue_us: 0,
            compute_input_us: times[TIME.COMPUTE_INPUT],
            compute_infer_us: times[TIME.COMPUTE_INFER],
            compute_output_us: times[TIME.COMPUTE_OUTPUT],
          },
        );
      } else {
        const text = Buffer.from(link.outputs[slot].u8.subarray(0, job[JOB.ERROR_BYTES])).toString();
        this.#batchFailed(
          batch,
          new TidegateError('BACKEND_FAILED', `model '${batch.queue.version.model}' failed: ${text}`),
        );
      }
      link.consume();
    }
  }

  #answer(batch: Batch, result: BatchResult, times: StageTimes): void {
    const { queue, entries, rows } = batch;
    const { contradiction } = result;
    if (contradiction !== undefined) {
      return this.#batchFailed(
        batch,
        new TidegateError('BACKEND_FAILED', `model '${queue.version.model}': ${contradiction}`),
      );
    }
    const real_us = times.compute_input_us + times.compute_infer_us + times.compute_output_us;
    settle(queue, batch.expected_us, real_us, queue.version.manifest.share);
    queue.batch_us += (real_us - queue.batch_us) / 8;
    this.#observer.executed(queue.version, rows, entries.length, times);
    const { model, version } = queue.version;
    const versionText = String(version);
    const { labels } = queue.version.manifest;
    const done_us = now_us();
    for (const entry of entries) {
      const outputs = result.take(entry.rows);
      const { waiter } = entry;
      entry.waiter = undefined;
      entry.sequence?.advance();
      if (waiter !== undefined) {
        const own = { ...times, queue_us: Math.max(0, batch.started_us - entry.admitted_us) };
        this.#observer.succeeded(queue.version, entry.face, entry.rows, done_us - entry.arrived_us, own);
        waiter.answered({
          model,
          version: versionText,
          outputs,
          labels,
          times: own,
          batch_rows: rows,
          batched: queue.plan.max_batch > 0,
        });
      }
      this.#end(queue, entry);
    }
  }

  /** One caller's values may have failed the run: everyone gets another one alone. */
  #batchFailed(batch: Batch, error: TidegateError): void {
    const { queue, entries } = batch;
    settle(queue, batch.expected_us, 0, queue.version.manifest.share);
    if (entries.length === 1) {
      this.fail(entries[0], error);
      return;
    }
    for (const entry of entries) {
      if (entry.waiter === undefined) this.#end(queue, entry);
      else queue.runAlone(entry);
    }
    if (queue.waiting > 0) this.#active.add(queue);
  }

  #end(queue: ModelQueue, entry: Entry): void {
    if (entry.phase === 'done') return;
    if (entry.phase === 'waiting' && !entry.alone) entry.lane.left(entry);
    const wasHeld = entry.phase === 'held';
    entry.phase = 'done';
    entry.lane.users--;
    queue.open_requests--;
    queue.open_bytes -= entry.bytes;
    this.arena.free(entry.address, entry.bytes);
    if (queue.waiting === 0) this.#active.delete(queue);
    if (entry.sequence !== undefined && !wasHeld) this.#releaseSequence(queue, entry);
  }

  /** The next request of the sequence may run; or the sequence is over. */
  #releaseSequence(queue: ModelQueue, ended: Entry): void {
    const { sequence } = ended;
    if (sequence === undefined) return;
    if (ended.endsSequence) sequence.closed = true;
    for (let next = sequence.held.shift(); next !== undefined; next = sequence.held.shift()) {
      if (next.phase !== 'held') continue;
      this.#enqueue(queue, next);
      return;
    }
    sequence.busy = false;
    sequence.idle();
  }

  #enqueue(queue: ModelQueue, entry: Entry): void {
    entry.phase = 'waiting';
    entry.lane.push(entry);
    if (entry.deadline_us < Number.POSITIVE_INFINITY) this.#sweep.watch();
    if (!this.#active.has(queue)) {
      wake(queue, this.#virtual_us);
      this.#active.add(queue);
    }
  }

  #expired(entry: Entry): void {
    const late_us = Math.round(now_us() - entry.arrived_us);
    this.fail(
      entry,
      new TidegateError(
        'DEADLINE_EXPIRED',
        `Request timeout expired: it waited ${late_us} µs and its deadline was ${Math.round(entry.deadline_us - entry.arrived_us)} µs`,
      ),
    );
  }

  /** Returns whether deadlines are still waited for. */
  #expire(at_us: number): boolean {
    let left = false;
    for (const queue of this.#queues.values()) {
      if (queue.open_requests === 0) continue;
      for (const entry of queue.waitingEntries()) {
        if (entry.deadline_us <= at_us) this.#expired(entry);
        else if (entry.deadline_us < Number.POSITIVE_INFINITY) left = true;
      }
    }
    return left;
  }

  #placed(handle: number, link: WorkerLink): void {
    const queue = this.#queues.get(handle);
    if (queue === undefined || link.lost || queue.links.includes(link)) return;
    queue.links = [...queue.links, link];
    this.pump();
  }

  #abandoned(handle: number, reason: string): void {
    const queue = this.#queues.get(handle);
    if (queue === undefined || queue.links.length > 0) return;
    const error = new TidegateError(
      'MODEL_NOT_READY',
      `model '${queue.version.model}' is not able to run: ${reason}. Load it again once the cause is mended`,
    );
    queue.refusal = error;
    this.#failWaiting(queue, error);
  }

  #lost(link: WorkerLink, reason: string): void {
    const batches = this.#batches.get(link) ?? [];
    this.#batches.delete(link);
    if (batches.length > 0 && link.running > 0) this.#permits++;
    for (const queue of this.#queues.values()) {
      if (queue.links.includes(link)) queue.links = queue.links.filter((other) => other !== link);
    }
    this.#observer.workerLost(link.index, reason);
    const error = new TidegateError(
      'WORKER_LOST',
      `the worker thread that ran this request died (${reason}); the request may be sent again`,
      { retry_after_ms: 100 },
    );
    for (const batch of batches) {
      batch.queue.running_batches--;
      for (const entry of batch.entries) this.fail(entry, error);
    }
    this.pump();
  }

  #wakeAt(delay_us: number): void {
    clearTimeout(this.#delay);
    this.#delay = setTimeout(() => this.pump(), Math.max(0, Math.ceil(delay_us / 1000)));
  }

  /** Failing a request of a sequence lets the next one of it wait: until none does. */
  #failWaiting(queue: ModelQueue, error: TidegateError): void {
    for (let waiting = queue.waitingEntries(); waiting.length > 0; waiting = queue.waitingEntries()) {
      for (const entry of waiting) this.fail(entry, error);
    }
  }

  #known(handle: number): ModelQueue {
    const queue = this.#queues.get(handle);
    if (queue === undefined) throw new TidegateError('INTERNAL', `version with handle ${handle} was never announced`);
    return queue;
  }
}

const CANCELLED = new TidegateError('CANCELLED', 'the caller left before the answer');

function idleLink(queue: ModelQueue): WorkerLink | undefined {
  for (const link of queue.links) if (link.running === 0 && link.nextSlot >= 0) return link;
  return undefined;
}

function refusal(reason: Error): TidegateError {
  return reason instanceof TidegateError
    ? reason
    : new TidegateError('MODEL_NOT_READY', reason.message, { cause: reason });
}
