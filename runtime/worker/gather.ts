import { DATATYPE_BYTES } from '../../contract/datatype.js';
import { SlabViews } from '../codec/slab-views.js';
import type { BackendTensor } from './backend/backend.js';
import { decodeStrings } from './byte-strings.js';
import type { WorkerTensor } from './messages.js';

/** One caller's part of an input: where its bytes lie, and how many rows they are. */
export interface Part {
  readonly views: SlabViews;
  readonly offset: number;
  readonly bytes: number;
  readonly rows: number;
}

/** Below this many bytes a loop beats making a view of the source. */
const LOOP_BYTES = 512;
const CACHED_SHAPES = 256;

/**
 * One input of a loaded model: private memory into which the rows of all callers of a batch are put together. ONNX Runtime
 * takes no shared memory, so this copy is the one that a tensor makes between the socket and the run.
 */
export class InputGather {
  readonly #spec: WorkerTensor;
  #views = new SlabViews(new ArrayBuffer(0));
  #tensors = new Map<string, BackendTensor>();

  constructor(spec: WorkerTensor) {
    this.#spec = spec;
  }

  /** `shape` is the whole shape of the batch. */
  gather(parts: readonly Part[], shape: readonly number[]): BackendTensor {
    const { name, datatype, batch_axis } = this.#spec;
    if (datatype === 'BYTES') return { name, datatype, shape, data: decodeStrings(parts) };
    const elements = shape.reduce((product, dim) => product * dim, 1);
    const width = datatype === 'BF16' ? 4 : DATATYPE_BYTES[datatype];
    this.#reserve(elements * width);
    if (datatype === 'BF16') this.#widen(parts);
    else if (batch_axis > 0) this.#interleave(parts, shape, batch_axis, width);
    else this.#append(parts);
    return this.#tensor(shape, elements * width);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#views.u8.length) return;
    let size = 4096;
    while (size < bytes) size *= 2;
    this.#views = new SlabViews(new ArrayBuffer(size));
    this.#tensors.clear();
  }

  #append(parts: readonly Part[]): void {
    let to = 0;
    for (const part of parts) {
      copy(part.views, part.offset, this.#views, to, part.bytes);
      to += part.bytes;
    }
  }

  /** The upper half of an FP32 is a BF16. */
  #widen(parts: readonly Part[]): void {
    let to = 0;
    const target = this.#views.u32;
    for (const part of parts) {
      const source = part.views.u16;
      const from = part.offset / 2;
      const count = part.bytes / 2;
      for (let i = 0; i < count; i++) target[to++] = (source[from + i] << 16) >>> 0;
    }
  }

  /** Rows that do not lie next to each other: state of shape [layers, batch, width]. Every part is one row. */
  #interleave(parts: readonly Part[], shape: readonly number[], axis: number, width: number): void {
    const outer = shape.slice(0, axis).reduce((product, dim) => product * dim, 1);
    const inner = shape.slice(axis + 1).reduce((product, dim) => product * dim, 1) * width;
    parts.forEach((part, row) => {
      for (let block = 0; block < outer; block++) {
        copy(part.views, part.offset + block * inner, this.#views, (block * parts.length + row) * inner, inner);
      }
    });
  }

  #tensor(shape: readonly number[], bytes: number): BackendTensor {
    const key = shape.join();
    let tensor = this.#tensors.get(key);
    if (tensor === undefined) {
      const { name, datatype } = this.#spec;
      if (this.#tensors.size >= CACHED_SHAPES) this.#tensors.clear();
      const data = new Uint8Array(this.#views.buffer, 0, bytes);
      tensor = { name, datatype: datatype === 'BF16' ? 'FP32' : datatype, shape, data };
      this.#tensors.set(key, tensor);
    }
    return tensor;
  }
}

export function copy(from: SlabViews, fromOffset: number, to: SlabViews, toOffset: number, bytes: number): void {
  if (bytes > LOOP_BYTES) {
    to.u8.set(from.u8.subarray(fromOffset, fromOffset + bytes), toOffset);
  } else if (((fromOffset | toOffset | bytes) & 3) === 0) {
    const source = from.i32;
    const target = to.i32;
    const words = bytes >> 2;
    const first = fromOffset >> 2;
    const at = toOffset >> 2;
    for (let i = 0; i < words; i++) target[at + i] = source[first + i];
  } else {
    for (let i = 0; i < bytes; i++) to.u8[toOffset + i] = from.u8[fromOffset + i];
  }
}
