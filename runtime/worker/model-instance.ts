import { DATATYPE_BYTES } from '../../contract/datatype.js';
import { now_us } from '../../std/clock.js';
import type { SlabViews } from '../codec/slab-views.js';
import { BackendLost, type BackendSession, type BackendTensor } from './backend/backend.js';
import { encodedStringsLength, encodeStrings } from './byte-strings.js';
import { InputGather, type Part } from './gather.js';
import { BODY_INT, BODY_INTS, ENTRY, ENTRY_INTS, JOB, type JobRing, STATUS, TIME } from './job-ring.js';
import type { LoadOrder, WorkerState, WorkerTensor } from './messages.js';

/** What a job may touch of the thread it runs in. */
export interface JobMemory {
  readonly ring: JobRing;
  segment(id: number): SlabViews;
  /** The slot's memory for results, grown to hold `bytes` (the socket thread is told). */
  area(slot: number, bytes: number): SlabViews;
}

interface StateSlot {
  readonly spec: WorkerState;
  readonly gather: InputGather;
  /** Where this state begins in a sequence's block. */
  readonly offset: number;
}

/** One version loaded in this thread: job in, run, result out. */
export class ModelInstance {
  readonly order: LoadOrder;
  readonly session: BackendSession;
  readonly #gathers: readonly InputGather[];
  readonly #states: readonly StateSlot[];
  readonly #constants: readonly BackendTensor[];
  readonly #wanted: readonly string[];

  constructor(order: LoadOrder, session: BackendSession) {
    this.order = order;
    this.session = session;
    this.#gathers = order.inputs.map((input) => new InputGather(input));
    let offset = 0;
    this.#states = order.states.map((spec) => {
      const slot = { spec, gather: new InputGather(spec.input), offset };
      offset += align8(spec.row_bytes);
      return slot;
    });
    this.#constants = order.constants.map(({ name, datatype, shape, bytes }) => ({
      name,
      datatype,
      shape,
      data: bytes,
    }));
    this.#wanted = [...order.outputs.map((output) => output.name), ...order.states.map((state) => state.output)];
  }

  /** Runs the job in `slot`, leaves the result there. A failure is a result too. */
  async run(slot: number, memory: JobMemory): Promise<void> {
    try {
      const begun_us = now_us();
      const inputs = this.#gather(memory.ring.slots[slot], memory);
      const gathered_us = now_us();
      const running = this.session.run(inputs, this.#wanted);
      const results = running instanceof Promise ? await running : running;
      this.#finish(slot, results, memory, begun_us, gathered_us);
    } catch (error) {
      writeFailure(slot, error, memory);
    }
  }

  /** Like `run`, for a session that runs synchronously. */
  runNow(slot: number, memory: JobMemory): void {
    try {
      const begun_us = now_us();
      const inputs = this.#gather(memory.ring.slots[slot], memory);
      const gathered_us = now_us();
      const results = this.session.run(inputs, this.#wanted);
      if (results instanceof Promise) throw new TypeError('this backend does not run synchronously');
      this.#finish(slot, results, memory, begun_us, gathered_us);
    } catch (error) {
      writeFailure(slot, error, memory);
    }
  }

  /** One run with zeros, every variable dimension but the batch 1: the first caller should not pay for lazy allocation. */
  async warmup(rows: number): Promise<void> {
    const inputs = [...this.order.inputs, ...this.order.states.map((state) => state.input)].map((spec) =>
      zeros(spec, rows),
    );
    await this.session.run([...inputs, ...this.#constants], this.#wanted);
  }

  #finish(
    slot: number,
    results: readonly BackendTensor[],
    memory: JobMemory,
    begun_us: number,
    gathered_us: number,
  ): void {
    const ran_us = now_us();
    this.#scatter(slot, results, memory);
    const times = memory.ring.times[slot];
    times[TIME.COMPUTE_INPUT] = gathered_us - begun_us;
    times[TIME.COMPUTE_INFER] = ran_us - gathered_us;
    times[TIME.COMPUTE_OUTPUT] = now_us() - ran_us;
    memory.ring.slots[slot][JOB.STATUS] = STATUS.OK;
  }

  #gather(job: Int32Array, memory: JobMemory): BackendTensor[] {
    const { inputs } = this.order;
    let at = BODY_INT;
    const shapes: number[][] = [];
    for (let input = 0; input < inputs.length; input++) {
      const rank = job[at];
      shapes.push(Array.from(job.subarray(at + 1, at + 1 + rank)));
      at += 1 + rank;
    }
    const tensors: BackendTensor[] = [];
    const entries = job[JOB.ENTRIES];
    const stride = ENTRY_INTS + inputs.length;
    for (let input = 0; input < inputs.length; input++) {
      const parts: Part[] = [];
      for (let entry = 0; entry < entries; entry++) {
        const first = at + entry * stride;
        let offset = job[first + ENTRY.OFFSET] >>> 0;
        for (let before = 0; before < input; before++) offset += align8(job[first + ENTRY_INTS + before]);
        const bytes = job[first + ENTRY_INTS + input];
        parts.push({ views: memory.segment(job[first + ENTRY.SEGMENT]), offset, bytes, rows: job[first + ENTRY.ROWS] });
      }
      tensors.push(this.#gathers[input].gather(parts, shapes[input]));
    }
    for (const state of this.#states) tensors.push(gatherState(state, job, at, stride, memory));
    tensors.push(...this.#constants);
    return tensors;
  }

  #scatter(slot: number, results: readonly BackendTensor[], memory: JobMemory): void {
    const job = memory.ring.slots[slot];
    const entriesAt = this.#entriesAt(job);
    this.#states.forEach((state, index) => {
      scatterState(
        state,
        results[this.order.outputs.length + index],
        job,
        entriesAt,
        ENTRY_INTS + this.order.inputs.length,
        memory,
      );
    });
    const count = this.order.outputs.length;
    const sizes = results
      .slice(0, count)
      .map((result, index) => outputBytes(result, this.order.outputs[index].datatype === 'BF16'));
    const area = memory.area(
      slot,
      sizes.reduce((sum, bytes) => sum + align8(bytes), 0),
    );
    // The description of the entries is not needed any more: results are described in its place.
    let at = BODY_INT;
    let offset = 0;
    job[JOB.OUTPUTS] = count;
    for (let index = 0; index < count; index++) {
      const { shape } = results[index];
      if (at - BODY_INT + shape.length + 3 > BODY_INTS)
        throw new Error('the outputs have more dimensions than a result can describe');
      job[at++] = shape.length;
      for (const dim of shape) job[at++] = dim;
      job[at++] = offset;
      job[at++] = sizes[index];
      writeOutput(results[index], area, offset, sizes[index], this.order.outputs[index].datatype === 'BF16');
      offset += align8(sizes[index]);
    }
  }

  #entriesAt(job: Int32Array): number {
    let at = BODY_INT;
    for (let input = 0; input < this.order.inputs.length; input++) at += 1 + job[at];
    return at;
  }
}

function zeros(spec: WorkerTensor, rows: number): BackendTensor {
  const { name } = spec;
  const shape = spec.shape.map((dim, axis) => (axis === spec.batch_axis ? rows : Math.abs(dim)));
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (spec.datatype === 'BYTES') return { name, datatype: 'BYTES', shape, data: new Array<string>(elements).fill('') };
  const datatype = spec.datatype === 'BF16' ? 'FP32' : spec.datatype;
  return { name, datatype, shape, data: new Uint8Array(elements * DATATYPE_BYTES[datatype]) };
}

function gatherState(
  state: StateSlot,
  job: Int32Array,
  entriesAt: number,
  stride: number,
  memory: JobMemory,
): BackendTensor {
  const { spec, offset } = state;
  const parts: Part[] = [];
  const entries = job[JOB.ENTRIES];
  for (let entry = 0; entry < entries; entry++) {
    const first = entriesAt + entry * stride;
    const views = memory.segment(job[first + ENTRY.STATE_SEGMENT]);
    parts.push({ views, offset: (job[first + ENTRY.STATE_OFFSET] >>> 0) + offset, bytes: spec.row_bytes, rows: 1 });
  }
  return state.gather.gather(parts, stateShape(spec, entries));
}

/** Into the sequence's other block: if this thread dies half way, the state before the job is still whole. */
function scatterState(
  state: StateSlot,
  result: BackendTensor,
  job: Int32Array,
  entriesAt: number,
  stride: number,
  memory: JobMemory,
): void {
  const { spec, offset } = state;
  const entries = job[JOB.ENTRIES];
  if (!(result.data instanceof Uint8Array)) throw new Error(`state '${result.name}' is not made of numbers`);
  const expected = stateShape(spec, entries);
  if (result.shape.join() !== expected.join()) {
    throw new Error(
      `state output '${result.name}' has shape [${result.shape.join()}], its input takes [${expected.join()}]`,
    );
  }
  const axis = Math.max(spec.input.batch_axis, 0);
  const outer = result.shape.slice(0, axis).reduce((product, dim) => product * dim, 1);
  const inner = spec.row_bytes / outer;
  for (let entry = 0; entry < entries; entry++) {
    const first = entriesAt + entry * stride;
    const target = memory.segment(job[first + ENTRY.NEXT_SEGMENT]).u8;
    const to = (job[first + ENTRY.NEXT_OFFSET] >>> 0) + offset;
    for (let block = 0; block < outer; block++) {
      const from = (block * entries + entry) * inner;
      target.set(result.data.subarray(from, from + inner), to + block * inner);
    }
  }
}

function stateShape(spec: WorkerState, rows: number): number[] {
  return spec.input.shape.map((dim, axis) => (axis === spec.input.batch_axis ? rows : Math.abs(dim)));
}

function outputBytes(result: BackendTensor, narrow: boolean): number {
  if (!(result.data instanceof Uint8Array)) return encodedStringsLength(result.data);
  return narrow ? result.data.length / 2 : result.data.length;
}

function writeOutput(result: BackendTensor, area: SlabViews, offset: number, bytes: number, narrow: boolean): void {
  if (!(result.data instanceof Uint8Array)) encodeStrings(result.data, area.u8, offset);
  else if (narrow) narrowToBf16(result.data, area, offset);
  else area.u8.set(result.data.length === bytes ? result.data : result.data.subarray(0, bytes), offset);
}

/** Exact: the values come from BF16 inside the model, so the lower half of each FP32 is zero. */
function narrowToBf16(data: Uint8Array, area: SlabViews, offset: number): void {
  const halves = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
  const target = area.u16;
  for (let from = 1, to = offset / 2; from < halves.length; from += 2, to++) target[to] = halves[from];
}

export function writeFailure(slot: number, error: unknown, memory: JobMemory): void {
  const job = memory.ring.slots[slot];
  const message = error instanceof Error ? error.message : String(error);
  const text = Buffer.from(message.slice(0, 4000));
  const area = memory.area(slot, text.length);
  area.u8.set(text, 0);
  job[JOB.ERROR_BYTES] = text.length;
  job[JOB.STATUS] = error instanceof BackendLost ? STATUS.LOST : STATUS.FAILED;
}

export function align8(bytes: number): number {
  return (bytes + 7) & ~7;
}
