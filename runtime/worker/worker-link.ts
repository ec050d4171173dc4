import { Worker } from 'node:worker_threads';
import { TidegateError } from '../../contract/error.js';
import { SlabViews } from '../codec/slab-views.js';
import { COUNTER, JOB, JobRing, SLOTS } from './job-ring.js';
import type { Link } from './link.js';
import type { BackendEvent, FromWorker, LoadOrder, ToWorker, WorkerData } from './messages.js';

export interface WorkerLinkEvents {
  /** Results may lie in any ring. */
  completed(): void;
  /** The thread is gone; sent once. What it was running will never be answered by it. */
  lost(link: WorkerLink, reason: string, booted: boolean): void;
  backendEvent(handle: number, event: BackendEvent): void;
}

export interface Loaded {
  readonly load_ms: number;
  readonly warmup_ms: number;
  /** How long the largest batch takes; Infinity where that depends on what callers send. */
  readonly full_batch_us: number;
  readonly device: string;
  readonly device_reason: string;
}

const NOTHING_LOADED: Loaded = { load_ms: 0, warmup_ms: 0, full_batch_us: 0, device: '', device_reason: '' };

interface Pending {
  readonly resolve: (loaded: Loaded) => void;
  readonly reject: (error: Error) => void;
}

/** The socket thread's end of one worker thread: its ring, its orders, its death. */
export class WorkerLink implements Link {
  readonly inline = false;
  readonly index: number;
  readonly ring = new JobRing();
  readonly outputs: SlabViews[] = Array.from({ length: SLOTS }, () => new SlabViews(new ArrayBuffer(0)));
  /** Handles of the versions that it holds or is loading. */
  readonly hosted = new Set<number>();
  readonly #worker: Worker;
  readonly #events: WorkerLinkEvents;
  /** Resolves when the thread has ended; never rejects. */
  readonly ended: Promise<void>;
  readonly #pending = new Map<number, Pending>();
  #nextOrder = 1;
  #booted = false;
  #lost = false;
  #stopped = false;
  readonly #areas: number[] = new Array<number>(SLOTS).fill(0);
  #submitted = 0;
  #completed = 0;
  #consumed = 0;

  constructor(
    index: number,
    doorbell: SharedArrayBuffer,
    segments: Iterable<[number, SharedArrayBuffer]>,
    spin_us: number,
    events: WorkerLinkEvents,
  ) {
    this.index = index;
    this.#events = events;
    const data: WorkerData = { ring: this.ring.buffer, doorbell, segments: [...segments], spin_us };
    this.#worker = new Worker(new URL('./thread.js', import.meta.url), {
      workerData: data,
      name: `tidegate-worker-${index}`,
    });
    this.#worker.on('message', (message: FromWorker) => this.#received(message));
    this.#worker.on('error', (error) => this.#gone(error.message));
    this.ended = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#gone(`the thread ended with exit code ${code}`);
        resolve();
      });
    });
  }

  get lost(): boolean {
    return this.#lost;
  }

  /** Jobs that were submitted and, as far as `observe` saw, are not done. */
  get running(): number {
    return (this.#submitted - this.#completed) | 0;
  }

  /** The slot that the next job is to be written into; -1 while every slot holds a job or an unread result. */
  get nextSlot(): number {
    return ((this.#submitted - this.#consumed) | 0) < SLOTS ? (this.#submitted >>> 0) % SLOTS : -1;
  }

  /** Looks how far the thread is. Returns whether jobs were finished since the last look. */
  observe(): boolean {
    const completed = Atomics.load(this.ring.counters, COUNTER.COMPLETED);
    const moved = completed !== this.#completed;
    this.#completed = completed;
    return moved;
  }

  /** The slot of the oldest result that can be read; -1 when there is none. */
  get doneSlot(): number {
    if (this.#completed === this.#consumed) return -1;
    const slot = (this.#consumed >>> 0) % SLOTS;
    return this.ring.slots[slot][JOB.AREA] === this.#areas[slot] ? slot : -1;
  }

  submit(): void {
    this.#submitted = (this.#submitted + 1) | 0;
    Atomics.store(this.ring.counters, COUNTER.SUBMITTED, this.#submitted);
    this.#wake();
  }

  consume(): void {
    this.#consumed = (this.#consumed + 1) | 0;
  }

  load(order: LoadOrder): Promise<Loaded> {
    return this.#order((id) => ({ type: 'load', id, order }));
  }

  async unload(handle: number): Promise<void> {
    await this.#order((id) => ({ type: 'unload', id, handle }));
  }

  segmentAdded(segment: number, buffer: SharedArrayBuffer): void {
    this.#tell({ type: 'segment', segment, buffer });
  }

  segmentDropped(segment: number): void {
    this.#tell({ type: 'segment-dropped', segment });
  }

  /**
   * Asks the thread to end, and waits for it up to `grace_ms`; never reported as lost. A thread inside ONNX Runtime cannot be
   * terminated: that ends the whole process. Returns whether it ended; one that did not ends as soon as its call returns.
   */
  async stop(grace_ms: number): Promise<boolean> {
    this.#stopped = true;
    this.#failPending('the node is stopping');
    this.#tell({ type: 'stop' });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), grace_ms);
    });
    const ended = await Promise.race([this.ended.then(() => true), late]);
    clearTimeout(timer);
    if (!ended) this.#worker.unref();
    return ended;
  }

  /** Fault injection: the thread throws once it has done the job it runs, and is lost. */
  die(reason: string): void {
    this.#tell({ type: 'die', reason });
  }

  #order(make: (id: number) => ToWorker): Promise<Loaded> {
    if (this.#lost || this.#stopped)
      return Promise.reject(new TidegateError('WORKER_LOST', 'the worker thread is gone'));
    const id = this.#nextOrder++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#tell(make(id));
    });
  }

  #tell(message: ToWorker): void {
    if (this.#lost) return;
    this.#worker.postMessage(message);
    Atomics.add(this.ring.counters, COUNTER.CONTROL, 1);
    this.#wake();
  }

  #wake(): void {
    const { counters } = this.ring;
    Atomics.add(counters, COUNTER.WAKE, 1);
    if (Atomics.load(counters, COUNTER.SLEEPING) === 1) Atomics.notify(counters, COUNTER.WAKE, 1);
  }

  #received(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#booted = true;
        return;
      case 'completed':
        this.#events.completed();
        return;
      case 'output-area':
        this.outputs[message.slot] = new SlabViews(message.buffer);
        this.#areas[message.slot]++;
        this.#events.completed();
        return;
      case 'loaded':
        this.#settle(message.id)?.resolve(loadedFields(message));
        return;
      case 'unloaded':
        this.#settle(message.id)?.resolve(NOTHING_LOADED);
        return;
      case 'load-failed':
        this.#settle(message.id)?.reject(new TidegateError('MODEL_LOAD_FAILED', message.reason));
        return;
      case 'backend-event':
        this.#events.backendEvent(message.handle, message.event);
        return;
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #gone(reason: string): void {
    if (this.#lost || this.#stopped) return;
    this.#lost = true;
    this.#failPending(reason);
    this.#events.lost(this, reason, this.#booted);
  }

  #failPending(reason: string): void {
    for (const pending of this.#pending.values())
      pending.reject(new TidegateError('WORKER_LOST', `a worker thread was lost: ${reason}`));
    this.#pending.clear();
  }
}

function loadedFields({ load_ms, warmup_ms, full_batch_us, device, device_reason }: Loaded): Loaded {
  return { load_ms, warmup_ms, full_batch_us, device, device_reason };
}
