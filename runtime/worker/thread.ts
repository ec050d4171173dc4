import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { now_us } from '../../std/clock.js';
import { SlabViews } from '../codec/slab-views.js';
import { runningTimeDependsOnValues } from '../model/running-time.js';
import { backendOf } from './backend/table.js';
import { COUNTER, JOB, JobRing, outputArea, SLOTS } from './job-ring.js';
import type { FromWorker, LoadOrder, ToWorker, WorkerData } from './messages.js';
import { type JobMemory, ModelInstance, writeFailure } from './model-instance.js';

/** A worker thread: sleeps on its ring, runs what lies there, reads its orders in between. */

/** Native finalizers and messages to the outside need the event loop now and then; sleeping threads turn it anyway. */
const JOBS_BETWEEN_TURNS = 256;

/** Larger models are not measured for the socket thread: loading them there would hold it up. */
const INLINE_ARTEFACT_BYTES = 1024 * 1024;

class WorkerThread implements JobMemory {
  readonly ring: JobRing;
  readonly #port: MessagePort;
  readonly #doorbell: Int32Array;
  readonly #spin_us: number;
  readonly #segments = new Map<number, SlabViews>();
  readonly #areas: SlabViews[] = Array.from({ length: SLOTS }, () => new SlabViews(new ArrayBuffer(0)));
  readonly #instances = new Map<number, ModelInstance>();
  #stopping = false;

  constructor(port: MessagePort, data: WorkerData) {
    this.#port = port;
    this.ring = new JobRing(data.ring);
    this.#doorbell = new Int32Array(data.doorbell);
    this.#spin_us = data.spin_us;
    for (const [id, buffer] of data.segments) this.#segments.set(id, new SlabViews(buffer));
  }

  segment(id: number): SlabViews {
    const views = this.#segments.get(id);
    if (views === undefined) throw new RangeError(`segment ${id} was not mapped in this thread`);
    return views;
  }

  area(slot: number, bytes: number): SlabViews {
    if (bytes > this.#areas[slot].u8.length) {
      const area = outputArea(bytes);
      this.#areas[slot] = area;
      this.ring.slots[slot][JOB.AREA]++;
      if (area.buffer instanceof SharedArrayBuffer) this.#tell({ type: 'output-area', slot, buffer: area.buffer });
    }
    return this.#areas[slot];
  }

  async serve(): Promise<void> {
    const { counters } = this.ring;
    let completed = 0;
    let orders = 0;
    this.#tell({ type: 'ready' });
    while (!this.#stopping) {
      const wake = Atomics.load(counters, COUNTER.WAKE);
      // In this order: whoever sees a job also sees the orders that were given before it, such as the segment it lies in.
      const submitted = Atomics.load(counters, COUNTER.SUBMITTED);
      const control = Atomics.load(counters, COUNTER.CONTROL);
      if (control !== orders) {
        orders = control;
        await this.#obey();
      } else if (submitted !== completed) {
        await this.#runJob(completed % SLOTS);
        completed = (completed + 1) | 0;
        Atomics.store(counters, COUNTER.COMPLETED, completed);
        this.#ring();
        if (completed % JOBS_BETWEEN_TURNS === 0) await turn();
      } else if (!this.#spin(wake)) {
        this.#sleep(wake);
      }
    }
    for (const instance of this.#instances.values()) await instance.session.release();
    this.#port.close();
  }

  async #runJob(slot: number): Promise<void> {
    const handle = this.ring.slots[slot][JOB.HANDLE];
    const instance = this.#instances.get(handle);
    if (instance === undefined) writeFailure(slot, `version with handle ${handle} is not loaded in this thread`, this);
    else await instance.run(slot, this);
  }

  /** A job that follows at once finds the thread awake: a sleep and a wake-up cost more than a small model's run. */
  #spin(wake: number): boolean {
    if (this.#spin_us === 0) return false;
    const until_us = now_us() + this.#spin_us;
    while (now_us() < until_us) {
      if (Atomics.load(this.ring.counters, COUNTER.WAKE) !== wake) return true;
    }
    return false;
  }

  #sleep(wake: number): void {
    const { counters } = this.ring;
    Atomics.store(counters, COUNTER.SLEEPING, 1);
    Atomics.wait(counters, COUNTER.WAKE, wake);
    Atomics.store(counters, COUNTER.SLEEPING, 0);
  }

  /** One message wakes the socket thread, however many jobs are done before it looks. */
  #ring(): void {
    if (Atomics.exchange(this.#doorbell, 0, 1) === 0) this.#tell({ type: 'completed' });
  }

  async #obey(): Promise<void> {
    for (
      let received = receiveMessageOnPort(this.#port);
      received !== undefined;
      received = receiveMessageOnPort(this.#port)
    ) {
      const order: ToWorker = received.message;
      switch (order.type) {
        case 'segment':
          this.#segments.set(order.segment, new SlabViews(order.buffer));
          break;
        case 'segment-dropped':
          this.#segments.delete(order.segment);
          break;
        case 'load':
          await this.#load(order.id, order.order);
          break;
        case 'unload':
          await this.#unload(order.id, order.handle);
          break;
        case 'stop':
          this.#stopping = true;
          break;
        case 'die':
          throw new Error(order.reason);
      }
    }
  }

  async #load(id: number, order: LoadOrder): Promise<void> {
    try {
      const begun_us = now_us();
      const backend = await backendOf(order);
      const session = await backend.load(order, (event) =>
        this.#tell({ type: 'backend-event', handle: order.handle, event }),
      );
      const instance = new ModelInstance(order, session);
      const loaded_us = now_us();
      if (order.warmup) await warmUp(instance);
      const warmup_ms = (now_us() - loaded_us) / 1000;
      const full_batch_us = await measureFullBatch(instance);
      this.#instances.set(order.handle, instance);
      const load_ms = (loaded_us - begun_us) / 1000;
      const device_reason = session.device_reason ?? '';
      this.#tell({ type: 'loaded', id, load_ms, warmup_ms, full_batch_us, device: session.device, device_reason });
    } catch (error) {
      this.#tell({ type: 'load-failed', id, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  async #unload(id: number, handle: number): Promise<void> {
    const instance = this.#instances.get(handle);
    this.#instances.delete(handle);
    await instance?.session.release();
    this.#tell({ type: 'unloaded', id });
  }

  #tell(message: FromWorker): void {
    this.#port.postMessage(message);
  }
}

/** A model whose free dimensions have a least size may refuse ones; that says nothing about real requests. */
async function warmUp(instance: ModelInstance): Promise<void> {
  try {
    await instance.warmup(1);
  } catch (error) {
    if (hasFreeDimensions(instance)) return;
    await instance.session.release();
    throw error;
  }
}

/** How long the largest batch takes; Infinity where that depends on what callers send. The best of three: the first ones allocate. */
async function measureFullBatch(instance: ModelInstance): Promise<number> {
  const { order, session } = instance;
  // Only of ONNX files it is known which operators work by value; and only that backend may run on the socket thread.
  if (order.format !== 'onnx' || session.device !== 'cpu') return Number.POSITIVE_INFINITY;
  if (!order.warmup || hasFreeDimensions(instance) || order.artefact_bytes > INLINE_ARTEFACT_BYTES)
    return Number.POSITIVE_INFINITY;
  // A run on zeros is quick in a model that loops as often as its input says; one caller could then hold up the socket thread.
  if (runningTimeDependsOnValues(order.artefact)) return Number.POSITIVE_INFINITY;
  let best_us = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run++) {
    const begun_us = now_us();
    await instance.warmup(Math.max(order.max_batch, 1));
    best_us = Math.min(best_us, now_us() - begun_us);
  }
  return best_us;
}

function hasFreeDimensions({ order }: ModelInstance): boolean {
  return order.inputs.some(
    (input) => input.datatype === 'BYTES' || input.shape.some((dim, axis) => dim < 0 && axis !== input.batch_axis),
  );
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

if (parentPort === null) throw new Error('thread.ts runs as a worker thread only');
const data: WorkerData = workerData;
await new WorkerThread(parentPort, data).serve();
