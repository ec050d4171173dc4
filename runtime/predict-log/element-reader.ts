import type { Datatype } from '../../contract/datatype.js';
import type { SlabViews } from '../codec/slab-views.js';

/** Reads element `index` of a tensor that begins at byte `offset`, a multiple of its width. */
export type ReadNumber = (memory: SlabViews, offset: number, index: number) => number;
export type ReadText = (memory: SlabViews, offset: number, index: number) => string;

/** As the log keeps numbers: doubles. INT64 and UINT64 beyond 2^53 lose their last digits there. */
const READERS: Readonly<Record<Exclude<Datatype, 'BYTES'>, ReadNumber>> = {
  BOOL: (memory, offset, index) => memory.u8[offset + index],
  INT8: (memory, offset, index) => memory.i8[offset + index],
  UINT8: (memory, offset, index) => memory.u8[offset + index],
  INT16: (memory, offset, index) => memory.i16[(offset >>> 1) + index],
  UINT16: (memory, offset, index) => memory.u16[(offset >>> 1) + index],
  INT32: (memory, offset, index) => memory.i32[(offset >>> 2) + index],
  UINT32: (memory, offset, index) => memory.u32[(offset >>> 2) + index],
  FP32: (memory, offset, index) => memory.f32[(offset >>> 2) + index],
  FP64: (memory, offset, index) => memory.f64[(offset >>> 3) + index],
  FP16: (memory, offset, index) => halfNumber(memory.u16[(offset >>> 1) + index]),
  BF16: (memory, offset, index) => brainNumber(memory.u16[(offset >>> 1) + index]),
  INT64: (memory, offset, index) => {
    const low = (offset >>> 2) + 2 * index;
    return memory.i32[low + 1] * 2 ** 32 + memory.u32[low];
  },
  UINT64: (memory, offset, index) => {
    const low = (offset >>> 2) + 2 * index;
    return memory.u32[low + 1] * 2 ** 32 + memory.u32[low];
  },
};

export function numberReader(datatype: Exclude<Datatype, 'BYTES'>): ReadNumber {
  return READERS[datatype];
}

/** Text of a number that names a category: whole numbers exactly, whatever their size. */
export function textReader(datatype: Exclude<Datatype, 'BYTES'>): ReadText {
  switch (datatype) {
    case 'BOOL':
      return (memory, offset, index) => (memory.u8[offset + index] === 0 ? 'false' : 'true');
    case 'INT64':
      return (memory, offset, index) => String(memory.i64[(offset >>> 3) + index]);
    case 'UINT64':
      return (memory, offset, index) => String(memory.u64[(offset >>> 3) + index]);
    default: {
      const read = READERS[datatype];
      return (memory, offset, index) => String(read(memory, offset, index));
    }
  }
}

/** Whether a float holds every value of the datatype. */
export function fitsFloat(datatype: Datatype): boolean {
  return !['FP64', 'INT32', 'UINT32', 'INT64', 'UINT64', 'BYTES'].includes(datatype);
}

const FLOATS: ReadonlySet<Datatype> = new Set(['FP16', 'BF16', 'FP32', 'FP64']);

export function isFloat(datatype: Datatype): boolean {
  return FLOATS.has(datatype);
}

/** IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
export function halfNumber(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** bfloat16: the upper half of a float. */
export function brainNumber(bits: number): number {
  word[0] = bits << 16;
  return float[0];
}
