import { TidegateError } from '../../contract/error.js';
import { now_us } from '../../std/clock.js';
import type { Observer } from '../observe/observer.js';
import type { CapturedInputs } from '../predict-log/feature-capture.js';
import type { Entry } from './entry.js';
import { ExpirySweep } from './expiry-sweep.js';
import { wake } from './fair-share.js';
import type { ModelQueue } from './model-queue.js';
import { copyToShadows } from './shadow.js';
import { offsetOf, type SlabArena, segmentOf } from './slab-arena.js';

const CANCELLED = new TidegateError('CANCELLED', 'the caller left before the answer');

/**
 * Every admitted request of the node, from `submit` to its end. An entry ends exactly once, whatever happens to it: answered,
 * failed, expired or cancelled; then its memory and its place are free, and the next one of its sequence may go.
 */
export class Backlog {
  /** Queues in which something waits. */
  readonly active = new Set<ModelQueue>();
  readonly #queues = new Map<number, ModelQueue>();
  readonly #arena: SlabArena;
  readonly #observer: Observer;
  readonly #sweep: ExpirySweep;
  /** Something was put into a queue from here: it is to be started. */
  copied: () => void = () => undefined;
  readonly #most_bytes: number;
  /** The virtual time of whoever was served last: see fair-share.ts. */
  virtual_us = 0;

  /** `most_bytes`: of memory for requests. */
  constructor(arena: SlabArena, observer: Observer, most_bytes = Number.POSITIVE_INFINITY) {
    this.#most_bytes = most_bytes;
    this.#arena = arena;
    this.#observer = observer;
    this.#sweep = new ExpirySweep((at_us) => this.#expire(at_us));
  }

  open(queue: ModelQueue): void {
    this.#queues.set(queue.version.handle, queue);
  }

  close(queue: ModelQueue): void {
    this.#queues.delete(queue.version.handle);
    this.active.delete(queue);
  }

  get(handle: number): ModelQueue | undefined {
    return this.#queues.get(handle);
  }

  queues(): Iterable<ModelQueue> {
    return this.#queues.values();
  }

  /** Takes over an entry whose block and permits admission has taken. */
  submit(entry: Entry): void {
    const { queue, sequence } = entry;
    queue.open_requests++;
    queue.open_bytes += entry.bytes;
    entry.lane.users++;
    this.#observer.admitted(queue.version);
    if (sequence !== undefined) {
      sequence.used_us = entry.admitted_us;
      if (sequence.busy) {
        entry.phase = 'held';
        sequence.held.push(entry);
        return;
      }
      sequence.busy = true;
    }
    this.#enqueue(entry);
  }

  /** The caller left. What runs already only loses its waiter. */
  cancel(entry: Entry): void {
    if (entry.phase === 'done') return;
    const { waiter } = entry;
    entry.waiter = undefined;
    // It was answered, and counted as that; only nobody will read it.
    if (entry.phase === 'answered') return;
    if (waiter !== undefined) this.#failed(entry, CANCELLED);
    if (entry.phase !== 'running') this.end(entry);
  }

  fail(entry: Entry, error: TidegateError): void {
    const { waiter } = entry;
    entry.waiter = undefined;
    if (waiter !== undefined) this.#failed(entry, error);
    this.end(entry);
    waiter?.failed(error);
  }

  expired(entry: Entry): void {
    const waited_us = Math.round(now_us() - entry.arrived_us);
    const deadline_us = Math.round(entry.deadline_us - entry.arrived_us);
    const text = `Request timeout expired: it waited ${waited_us} µs and its deadline was ${deadline_us} µs`;
    this.fail(entry, new TidegateError('DEADLINE_EXPIRED', text));
  }

  /** Failing a request of a sequence lets the next one of it wait: until none does. */
  failWaiting(queue: ModelQueue, error: TidegateError): void {
    for (let waiting = queue.waitingEntries(); waiting.length > 0; waiting = queue.waitingEntries()) {
      for (const entry of waiting) this.fail(entry, error);
    }
  }

  /** Another run for an entry whose batch failed: alone, so that one caller's values cannot fail another's request. */
  retryAlone(entry: Entry): void {
    if (entry.waiter === undefined) {
      this.end(entry);
      return;
    }
    entry.queue.runAlone(entry);
    this.active.add(entry.queue);
  }

  end(entry: Entry): void {
    const { queue, phase } = entry;
    if (phase === 'done') return;
    if (phase === 'waiting' && !entry.alone) entry.lane.left(entry);
    entry.phase = 'done';
    entry.lane.users--;
    queue.open_requests--;
    queue.open_bytes -= entry.bytes;
    this.#arena.free(entry.address, entry.bytes);
    if (queue.waiting === 0) this.active.delete(queue);
    if (phase !== 'held') this.#releaseSequence(entry);
  }

  stop(): void {
    this.#sweep.stop();
  }

  /** Its caller has the answer: the shadows may have the request. */
  answered(entry: Entry): void {
    if (entry.queue.shadows.length > 0 && entry.sequence === undefined) {
      copyToShadows(entry, this.#arena, this.#most_bytes, this);
      this.copied();
    }
    this.end(entry);
  }

  /** The inputs of an entry that has not ended, for the prediction log. */
  inputsOf(entry: Entry): CapturedInputs {
    const { address, inputBytes, rows } = entry;
    return { memory: this.#arena.views(segmentOf(address)), offset: offsetOf(address), bytes: inputBytes, rows };
  }

  #failed(entry: Entry, error: TidegateError): void {
    const { queue, face, note, arrived_us } = entry;
    const total_us = now_us() - arrived_us;
    this.#observer.failed(queue.version, face, error, total_us);
    if (note !== undefined)
      queue.log?.failed({ note, face, arrived_us, variant: queue.variant }, this.inputsOf(entry), error.code, total_us);
  }

  /** The next request of the sequence may run; or the sequence is over. */
  #releaseSequence(ended: Entry): void {
    const { sequence } = ended;
    if (sequence === undefined) return;
    if (ended.endsSequence) sequence.closed = true;
    for (let next = sequence.held.shift(); next !== undefined; next = sequence.held.shift()) {
      if (next.phase !== 'held') continue;
      this.#enqueue(next);
      return;
    }
    sequence.busy = false;
    sequence.idle();
  }

  #enqueue(entry: Entry): void {
    const { queue } = entry;
    entry.phase = 'waiting';
    entry.lane.push(entry);
    if (entry.deadline_us < Number.POSITIVE_INFINITY) this.#sweep.watch();
    if (!this.active.has(queue)) {
      wake(queue, this.virtual_us);
      this.active.add(queue);
    }
  }

  /** Returns whether something with a deadline still waits. */
  #expire(at_us: number): boolean {
    let left = false;
    for (const queue of this.#queues.values()) {
      if (queue.waiting === 0) continue;
      for (const entry of queue.waitingEntries()) {
        if (entry.deadline_us <= at_us) this.expired(entry);
        else if (entry.deadline_us < Number.POSITIVE_INFINITY) left = true;
      }
    }
    return left;
  }
}
