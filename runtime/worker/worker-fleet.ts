import { TidegateError } from '../../contract/error.js';
import type { BackendEvent, LoadOrder } from './messages.js';
import { RespawnPolicy } from './respawn-policy.js';
import { type Loaded, WorkerLink } from './worker-link.js';

export interface FleetOptions {
  /** Above this many threads, versions share them. */
  readonly max_threads: number;
  readonly spin_us: number;
  readonly segments: () => Iterable<[number, SharedArrayBuffer]>;
}

export interface FleetEvents {
  completed(): void;
  /** The thread is gone: its batches must fail, its versions no longer run there. */
  lost(link: WorkerLink, reason: string): void;
  /** A version runs in this thread from now on. */
  placed(handle: number, link: WorkerLink): void;
  /** A version that was lost with a thread could not be brought back. */
  abandoned(handle: number, reason: string): void;
  /** Something happened to the device that a version runs on. */
  backendEvent(handle: number, event: BackendEvent): void;
}

/** Threads without a version that are kept for the next load: starting one costs 40 ms of processor. */
const SPARE_THREADS = 2;
const STOP_GRACE_MS = 10_000;

/**
 * The worker threads. A version has threads of its own as far as there are enough: a load that takes minutes delays nobody, and a
 * thread that dies takes one model with it. How many of them run at a time is the dispatcher's affair.
 */
export class WorkerFleet {
  readonly links = new Set<WorkerLink>();
  /** Shared by all threads: see JobRing. */
  readonly doorbell = new Int32Array(new SharedArrayBuffer(4));
  restarts = 0;
  readonly #options: FleetOptions;
  readonly #events: FleetEvents;
  readonly #orders = new Map<number, LoadOrder>();
  readonly #respawns = new RespawnPolicy();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Asked to end while they sat in native code, and maybe still there: a process that ends meanwhile aborts. */
  readonly #leaving = new Set<WorkerLink>();
  #nextIndex = 0;
  #stopping = false;

  constructor(options: FleetOptions, events: FleetEvents) {
    this.#options = options;
    this.#events = events;
  }

  async load(order: LoadOrder, instances: number, signal: AbortSignal): Promise<Loaded> {
    this.#orders.set(order.handle, order);
    const links = this.#choose(instances, order.handle);
    try {
      const loads = links.map((link) => this.#loadInto(link, order));
      const loaded = await withSignal(Promise.all(loads), signal);
      for (const link of links) this.#events.placed(order.handle, link);
      return loaded[0];
    } catch (error) {
      this.#orders.delete(order.handle);
      await this.#withdraw(links, order.handle, signal.aborted);
      throw error;
    }
  }

  async unload(handle: number): Promise<void> {
    this.#orders.delete(handle);
    const links = [...this.links].filter((link) => link.hosted.has(handle));
    await Promise.all(links.map((link) => this.#remove(link, handle)));
  }

  segmentAdded(id: number, buffer: SharedArrayBuffer): void {
    for (const link of this.links) link.segmentAdded(id, buffer);
  }

  segmentDropped(id: number): void {
    for (const link of this.links) link.segmentDropped(id);
  }

  /** Returns whether every thread ended within `grace_ms`. One that is stuck in native code keeps its session until it returns. */
  async stop(grace_ms: number): Promise<boolean> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const ended = await Promise.all([...this.links, ...this.#leaving].map((link) => link.stop(grace_ms)));
    this.links.clear();
    this.#leaving.clear();
    return ended.every((yes) => yes);
  }

  #choose(instances: number, handle: number): WorkerLink[] {
    const free = [...this.links]
      .filter((link) => !link.hosted.has(handle))
      .sort((a, b) => a.hosted.size - b.hosted.size);
    const chosen: WorkerLink[] = [];
    while (chosen.length < instances) {
      const candidate = free[0];
      const share =
        candidate !== undefined && (candidate.hosted.size === 0 || this.links.size >= this.#options.max_threads);
      if (share) free.shift();
      if (!share && this.links.size >= this.#options.max_threads) break;
      const link = share ? candidate : this.#spawn();
      link.hosted.add(handle);
      chosen.push(link);
    }
    return chosen;
  }

  async #loadInto(link: WorkerLink, order: LoadOrder): Promise<Loaded> {
    link.hosted.add(order.handle);
    return link.load(order);
  }

  /** A load that was given up may sit in native code for minutes: its thread is left to end when it can. */
  async #withdraw(links: readonly WorkerLink[], handle: number, aborted: boolean): Promise<void> {
    for (const link of links) {
      if (aborted && link.hosted.size === 1) {
        link.hosted.delete(handle);
        this.links.delete(link);
        this.#leaving.add(link);
        void link.ended.then(() => this.#leaving.delete(link));
        await link.stop(0);
      } else {
        await this.#remove(link, handle).catch((error: unknown) => {
          // The thread died meanwhile, and with it what was to be removed.
          if (!link.lost) throw error;
        });
      }
    }
  }

  async #remove(link: WorkerLink, handle: number): Promise<void> {
    if (!link.lost) await link.unload(handle);
    link.hosted.delete(handle);
    const spare = [...this.links].filter((other) => other.hosted.size === 0);
    if (link.hosted.size === 0 && spare.length > SPARE_THREADS) {
      this.links.delete(link);
      await link.stop(STOP_GRACE_MS);
    }
  }

  #spawn(): WorkerLink {
    const link = new WorkerLink(
      this.#nextIndex++,
      this.doorbell.buffer,
      this.#options.segments(),
      this.#options.spin_us,
      {
        completed: () => this.#events.completed(),
        lost: (lost, reason, booted) => this.#lost(lost, reason, booted),
        backendEvent: (handle, event) => this.#events.backendEvent(handle, event),
      },
    );
    this.links.add(link);
    return link;
  }

  #lost(link: WorkerLink, reason: string, booted: boolean): void {
    this.links.delete(link);
    const handles = [...link.hosted];
    this.#events.lost(link, reason);
    if (this.#stopping) return;
    this.restarts++;
    for (const handle of handles) {
      const order = this.#orders.get(handle);
      if (order !== undefined) this.#bringBack(order, reason, booted);
    }
  }

  #bringBack(order: LoadOrder, reason: string, booted: boolean): void {
    const delay_ms = this.#respawns.next(order.handle, booted, performance.now());
    if (delay_ms === undefined) {
      this.#orders.delete(order.handle);
      this.#events.abandoned(order.handle, `its worker thread died again and again, the last time of: ${reason}`);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#orders.has(order.handle)) return;
      const [link] = this.#choose(1, order.handle);
      this.#loadInto(link, order).then(
        () => this.#events.placed(order.handle, link),
        (error: Error) => {
          if (!link.lost) this.#events.abandoned(order.handle, error.message);
        },
      );
    }, delay_ms);
    this.#timers.add(timer);
  }
}

function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = () =>
      reject(
        new TidegateError('MODEL_LOAD_FAILED', 'the load was given up: it took longer than model_load_timeout_ms'),
      );
    if (signal.aborted) give();
    signal.addEventListener('abort', give, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', give));
  });
}
