import type { BackendEvent, LoadOrder } from '../messages.js';
import { RespawnPolicy } from '../respawn-policy.js';
import { BackendLost, type BackendSession, type BackendTensor } from './backend.js';
import { GpuChild, type GpuProgram } from './gpu-child.js';
import { gpuFailure } from './gpu-failure.js';
import { batchedNames, joinRows, sliceRows } from './tensor-rows.js';

export interface GpuLimits {
  readonly load_ms: number;
  readonly run_ms: number;
  /** How long nothing is started after the process has died again and again. */
  readonly pause_ms: number;
}

/** One model on one device, in a process of its own that is replaced when it dies. */
export class GpuSession implements BackendSession {
  readonly device: string;
  readonly #order: LoadOrder;
  readonly #limits: GpuLimits;
  readonly #program: GpuProgram;
  readonly #tell: (event: BackendEvent) => void;
  readonly #respawns = new RespawnPolicy();
  readonly #batched: ReadonlySet<string>;
  #child: GpuChild | undefined;
  #not_before_ms = 0;
  /** Batches of more rows have not fitted into the device's memory. */
  #most_rows = Number.POSITIVE_INFINITY;

  constructor(order: LoadOrder, program: GpuProgram, limits: GpuLimits, tell: (event: BackendEvent) => void) {
    this.device = order.device;
    this.#order = order;
    this.#program = program;
    this.#limits = limits;
    this.#tell = tell;
    // What a sequence remembers lies along another axis: such batches are never cut.
    this.#batched = order.states.length > 0 ? new Set() : batchedNames(order.inputs);
  }

  /** Of the GPU process, where one lives. */
  get pid(): number | undefined {
    return this.#child?.alive === true ? this.#child.pid : undefined;
  }

  async start(): Promise<GpuChild> {
    const child = new GpuChild(this.#program);
    this.#child = child;
    try {
      await child.request({ type: 'load', order: this.#order }, this.#limits.load_ms);
    } catch (error) {
      await child.kill();
      const said = error instanceof Error ? error.message : String(error);
      const words = child.words === '' || said.includes(child.words) ? '' : ` (${child.words})`;
      throw new Error(`it does not load on ${this.device}: ${said}${words}${this.device === 'cpu' ? '' : GPU_REMEDY}`);
    }
    return child;
  }

  async run(inputs: readonly BackendTensor[], wanted: readonly string[]): Promise<BackendTensor[]> {
    // The end of the process may be waiting to be told: a batch that never went there need not be lost with it.
    await new Promise((resolve) => setImmediate(resolve));
    const rows = this.#rowsOf(inputs);
    if (rows <= this.#most_rows) return this.#runWhole(inputs, wanted, rows);
    return this.#runParts(inputs, wanted, rows);
  }

  async release(): Promise<void> {
    await this.#child?.kill();
  }

  async #runWhole(inputs: readonly BackendTensor[], wanted: readonly string[], rows: number) {
    const child = this.#child?.alive === true ? this.#child : await this.#replace();
    try {
      const answer = await child.request({ type: 'run', inputs, wanted }, this.#limits.run_ms);
      if (answer.type !== 'results') throw new Error('the GPU process answered a run with something else');
      return answer.tensors;
    } catch (error) {
      if (error instanceof BackendLost) throw this.#lost(error.message);
      const reason = error instanceof Error ? error.message : String(error);
      const failure = gpuFailure(reason);
      if (failure === 'device-lost') {
        await child.kill();
        throw this.#lost(`the device was lost (${reason})`);
      }
      if (failure === 'batch' || rows < 2) throw error;
      this.#most_rows = Math.ceil(rows / 2);
      this.#tell({ kind: 'out_of_memory', most_rows: this.#most_rows });
      return this.#runParts(inputs, wanted, rows);
    }
  }

  async #runParts(inputs: readonly BackendTensor[], wanted: readonly string[], rows: number): Promise<BackendTensor[]> {
    const parts: BackendTensor[][] = [];
    for (let from = 0; from < rows; ) {
      // A part may itself not fit, and make those after it smaller.
      const to = Math.min(rows, from + this.#most_rows);
      parts.push(await this.#runWhole(sliceRows(inputs, this.#batched, from, to), wanted, to - from));
      from = to;
    }
    return joinRows(parts);
  }

  #rowsOf(inputs: readonly BackendTensor[]): number {
    return inputs.find(({ name }) => this.#batched.has(name))?.shape[0] ?? 1;
  }

  /** The process died with a batch: counted, and the next one starts after a while that grows. */
  #lost(reason: string): BackendLost {
    const now_ms = performance.now();
    const delay_ms = this.#respawns.next(this.#order.handle, true, now_ms) ?? this.#limits.pause_ms;
    this.#not_before_ms = now_ms + delay_ms;
    this.#tell({ kind: 'process_lost' });
    return new BackendLost(`${reason}; another one is started`);
  }

  async #replace(): Promise<GpuChild> {
    const wait_ms = this.#not_before_ms - performance.now();
    if (wait_ms > LONGEST_WAIT_MS)
      throw new BackendLost(
        `the process of this model died again and again: the next one starts in ${Math.ceil(wait_ms / 1000)} s`,
      );
    if (wait_ms > 0) await new Promise((resolve) => setTimeout(resolve, wait_ms));
    try {
      return await this.start();
    } catch (error) {
      throw this.#lost(error instanceof Error ? error.message : String(error));
    }
  }
}

const GPU_REMEDY = '. Set device to cpu or auto where there is no GPU with a driver';
/** Batches wait this long for the next process; beyond it they are told to come again. */
const LONGEST_WAIT_MS = 1000;
