import { TidegateError } from '../../contract/error.js';
import type { Limits } from '../../contract/limits.js';
import type { LoadReport, ModelHost, RunningDevice, ServedVersion } from '../model/served-version.js';
import type { Observer } from '../observe/observer.js';
import { planLog } from '../predict-log/log-plan.js';
import type { PredictionLog } from '../predict-log/prediction-log.js';
import { loadOnnx } from '../worker/backend/onnx.js';
import { InlineLink } from '../worker/inline-link.js';
import type { BackendEvent } from '../worker/messages.js';
import { ModelInstance } from '../worker/model-instance.js';
import { WorkerFleet } from '../worker/worker-fleet.js';
import type { WorkerLink } from '../worker/worker-link.js';
import { Backlog } from './backlog.js';
import { Dispatcher } from './dispatcher.js';
import { ModelQueue } from './model-queue.js';
import { planRequests } from './request-plan.js';
import { arrange } from './shadow.js';
import { SlabArena } from './slab-arena.js';

export interface HostOptions {
  /** Batches that run at a time, over all models. */
  readonly workers: number;
  readonly max_threads: number;
  readonly spin_us: number;
  readonly poll_us: number;
  /** Models whose full batch takes no longer than this run on the socket thread; 0: none does. */
  readonly inline_us: number;
  readonly limits: Limits;
}

const DRAIN_POLL_MS = 5;

/** Shared memory, queues, dispatcher and worker threads of one node, as the repository of models sees them. */
export class Host implements ModelHost {
  readonly arena: SlabArena;
  readonly backlog: Backlog;
  readonly dispatcher: Dispatcher;
  readonly fleet: WorkerFleet;
  readonly #observer: Observer;
  readonly #limits: Limits;
  readonly #inline_us: number;
  readonly #log: PredictionLog | undefined;
  readonly #inline = new Map<number, InlineLink>();

  /** `log`: undefined where nothing is logged on this node. */
  constructor(options: HostOptions, observer: Observer, log?: PredictionLog) {
    this.#observer = observer;
    this.#log = log;
    this.#limits = options.limits;
    this.#inline_us = options.inline_us;
    // The state of sequences lies in the same memory, besides what may be queued.
    this.arena = new SlabArena(options.limits.max_queue_bytes * 2, {
      segmentAdded: (id, buffer) => this.fleet.segmentAdded(id, buffer),
      segmentDropped: (id) => this.fleet.segmentDropped(id),
    });
    this.backlog = new Backlog(this.arena, observer, options.limits.max_queue_bytes);
    const segments = () => this.arena.segments();
    this.fleet = new WorkerFleet(
      { max_threads: options.max_threads, spin_us: options.spin_us, segments },
      {
        completed: () => this.dispatcher.turn(),
        lost: (link, reason) => this.#lost(link, reason),
        placed: (handle, link) => this.#placed(handle, link),
        abandoned: (handle, reason) => this.#abandoned(handle, reason),
        backendEvent: (handle, event) => this.#backendEvent(handle, event),
      },
    );
    this.dispatcher = new Dispatcher(options, this.backlog, observer, this.fleet.doorbell);
  }

  announce(version: ServedVersion): void {
    // What the manifest says of the log is checked on nodes without one too: it would fail on the next.
    planLog(version);
    const log = this.#log?.open(version);
    this.backlog.open(new ModelQueue(version, planRequests(version), this.#limits, log));
  }

  async load(version: ServedVersion, signal: AbortSignal): Promise<LoadReport> {
    const queue = this.backlog.get(version.handle);
    if (queue === undefined) throw new TidegateError('INTERNAL', `handle ${version.handle} was never announced`);
    const report = await this.fleet.load(queue.plan.order, version.instances, signal);
    queue.device = report.device;
    queue.device_reason = report.device_reason;
    if (report.full_batch_us <= this.#inline_us) await this.#moveInline(queue);
    return report;
  }

  /** What a version runs on, and why that. */
  deviceOf({ handle, device = 'cpu', device_reason = '' }: ServedVersion): RunningDevice {
    const queue = this.backlog.get(handle);
    return { device: queue?.device || device, device_reason: queue?.device_reason || device_reason };
  }

  busy(handle: number): boolean {
    const queue = this.backlog.get(handle);
    return queue !== undefined && (queue.open_requests > 0 || queue.open_sequences > 0);
  }

  async drain(handle: number, timeout_ms: number): Promise<void> {
    const until_ms = performance.now() + timeout_ms;
    while (this.busy(handle) && performance.now() < until_ms) {
      await sleep(DRAIN_POLL_MS);
    }
    const queue = this.backlog.get(handle);
    if (queue === undefined) return;
    const { model, version } = queue.version;
    const text = `version ${version} of '${model}' was retired before this request could run; send it again`;
    this.backlog.failWaiting(queue, new TidegateError('MODEL_NOT_READY', text));
  }

  async unload(handle: number): Promise<void> {
    const queue = this.backlog.get(handle);
    if (queue !== undefined) queue.links = [];
    const inline = this.#inline.get(handle);
    this.#inline.delete(handle);
    await inline?.release();
    await this.fleet.unload(handle);
  }

  refusal(handle: number): Error | undefined {
    return this.backlog.get(handle)?.refusal;
  }

  arrange(parts: Parameters<NonNullable<ModelHost['arrange']>>[0]): void {
    const found = parts.flatMap(({ handle, variant }) => {
      const queue = this.backlog.get(handle);
      return queue === undefined ? [] : [{ queue, variant }];
    });
    arrange(found);
  }

  forget(handle: number, reason: Error): void {
    const queue = this.backlog.get(handle);
    if (queue === undefined) return;
    queue.refusal = reason instanceof TidegateError ? reason : new TidegateError('MODEL_NOT_READY', reason.message);
    this.backlog.failWaiting(queue, queue.refusal);
    this.backlog.close(queue);
  }

  /** Ends the threads. Returns whether all of them ended within `grace_ms`. */
  async stop(grace_ms: number): Promise<boolean> {
    this.dispatcher.stop();
    this.backlog.stop();
    return this.fleet.stop(grace_ms);
  }

  /** The thread measured it, and is free again for others once this thread has the model. */
  async #moveInline(queue: ModelQueue): Promise<void> {
    const { order } = queue.plan;
    const instance = new ModelInstance(order, await loadOnnx(order, 'cpu'));
    await instance.warmup(1);
    const link = new InlineLink(instance, (segment) => this.arena.views(segment));
    this.#inline.set(order.handle, link);
    const threads = queue.links;
    queue.links = [link];
    this.dispatcher.schedule();
    // Requests that had waited for the load may run there still.
    while (threads.some((thread) => thread.running > 0)) await sleep(DRAIN_POLL_MS);
    await this.fleet.unload(order.handle);
  }

  #placed(handle: number, link: WorkerLink): void {
    const queue = this.backlog.get(handle);
    if (queue === undefined || link.lost || queue.links.includes(link) || this.#inline.has(handle)) return;
    queue.links = [...queue.links, link];
    this.dispatcher.schedule();
  }

  #backendEvent(handle: number, event: BackendEvent): void {
    const queue = this.backlog.get(handle);
    if (queue !== undefined) this.#observer.backendEvent(queue.version, event);
  }

  #lost(link: WorkerLink, reason: string): void {
    for (const queue of this.backlog.queues()) {
      if (queue.links.includes(link)) queue.links = queue.links.filter((other) => other !== link);
    }
    this.#observer.workerLost(link.index, reason);
    this.dispatcher.lost(link, reason);
  }

  #abandoned(handle: number, reason: string): void {
    const queue = this.backlog.get(handle);
    if (queue === undefined || queue.links.length > 0) return;
    const text = `model '${queue.version.model}' cannot run: ${reason}. Load it again once the cause is mended`;
    queue.refusal = new TidegateError('MODEL_NOT_READY', text);
    this.backlog.failWaiting(queue, queue.refusal);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
