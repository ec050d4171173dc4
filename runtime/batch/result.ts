import type { OutputTensor } from '../../contract/inference.js';
import type { SlabViews } from '../codec/slab-views.js';
import { BODY_INT, JOB } from '../worker/job-ring.js';
import type { RequestPlan } from './request-plan.js';

/** One output of a whole batch, where the worker left it. */
interface BatchOutput {
  readonly spec: RequestPlan['outputs'][number];
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes: number;
}

/** Cuts a batch's outputs into what each caller gets: its own rows, as views into the worker's memory. */
export class BatchResult {
  readonly #area: SlabViews;
  readonly #outputs: readonly BatchOutput[];
  readonly #rows: number;
  /** Per output: byte offset of the next caller's rows. */
  readonly #next: number[];

  /** `rows`: of the whole batch; 0 when the model is not batched, and the one caller gets everything. */
  constructor(job: Int32Array, area: SlabViews, plan: RequestPlan, rows: number) {
    this.#area = area;
    this.#rows = rows;
    const outputs: BatchOutput[] = [];
    let at = BODY_INT;
    for (let index = 0; index < job[JOB.OUTPUTS]; index++) {
      const rank = job[at++];
      const shape = Array.from(job.subarray(at, at + rank));
      at += rank;
      outputs.push({ spec: plan.outputs[index], shape, offset: job[at], bytes: job[at + 1] });
      at += 2;
    }
    this.#outputs = outputs;
    this.#next = outputs.map((output) => output.offset);
  }

  /** Where the outputs of the batch lie: offsets of their views count from its beginning. */
  get memory(): SlabViews {
    return this.#area;
  }

  /** Why this cannot be cut into rows, if it cannot. */
  get contradiction(): string | undefined {
    const odd = this.#rows === 0 ? undefined : this.#outputs.find((output) => output.shape[0] !== this.#rows);
    if (odd === undefined) return undefined;
    return `output '${odd.spec.name}' has shape [${odd.shape.join()}] for a batch of ${this.#rows} rows: set max_batch to 0 in the manifest if its first dimension is not the batch`;
  }

  /** The next caller's outputs. Callers come in the order of the batch. */
  take(rows: number): OutputTensor[] {
    const tensors: OutputTensor[] = [];
    for (let index = 0; index < this.#outputs.length; index++) {
      const { spec, shape, bytes } = this.#outputs[index];
      const from = this.#next[index];
      const length = this.#rows === 0 || rows === this.#rows ? bytes : this.#length(index, rows);
      this.#next[index] = from + length;
      const own = this.#rows === 0 || rows === this.#rows ? shape : [rows, ...shape.slice(1)];
      tensors.push({
        name: spec.name,
        datatype: spec.datatype,
        shape: own,
        bytes: this.#area.u8.subarray(from, from + length),
      });
    }
    return tensors;
  }

  #length(index: number, rows: number): number {
    const { spec, shape, bytes } = this.#outputs[index];
    if (spec.datatype !== 'BYTES') return (bytes / this.#rows) * rows;
    let elements = rows;
    for (let axis = 1; axis < shape.length; axis++) elements *= shape[axis];
    const { u8 } = this.#area;
    let at = this.#next[index];
    for (let element = 0; element < elements; element++) {
      at += 4 + (u8[at] | (u8[at + 1] << 8) | (u8[at + 2] << 16) | (u8[at + 3] << 24));
    }
    return at - this.#next[index];
  }
}
