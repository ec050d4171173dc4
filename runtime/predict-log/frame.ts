import { crc32 } from '../../std/checksum.js';

/**
 * A frame of a segment, at a multiple of 8: u32 magic, u32 bytes of the payload, u32 checksum, u32 kind; then the payload, filled up
 * with zeros to a multiple of 8. The checksum covers length, kind and payload, and starts from the salt of the segment: so nobody who sends
 * requests can make bytes that are taken for a frame when a damaged segment is searched for the next one.
 */
export const FRAME_MAGIC = 0x52_46_47_54;
export const FRAME_HEADER_BYTES = 16;
export const FRAME_ALIGNMENT = 8;
/** A length above this is damage. */
export const MOST_FRAME_BYTES = 128 * 1024 * 1024;

export const FRAME_KIND = { LAYOUT: 1, PREDICTION: 2 } as const;

const MAGIC_INT = 0;
const BYTES_INT = 1;
const CHECKSUM_INT = 2;
const KIND_INT = 3;

/** What a frame with a payload of `bytes` takes in the segment. */
export function frameBytes(bytes: number): number {
  return FRAME_HEADER_BYTES + aligned(bytes);
}

export function aligned(bytes: number): number {
  return (bytes + FRAME_ALIGNMENT - 1) & -FRAME_ALIGNMENT;
}

/** Writes the header of a frame whose payload of `bytes` follows at `at + FRAME_HEADER_BYTES` already, with its zeros. */
export function sealFrame(memory: FrameMemory, at: number, kind: number, bytes: number, salt: number): void {
  const { u8, u32 } = memory;
  const int = at >>> 2;
  u32[int + MAGIC_INT] = FRAME_MAGIC;
  u32[int + BYTES_INT] = bytes;
  u32[int + KIND_INT] = kind;
  u32[int + CHECKSUM_INT] = checksum(u8, at, bytes, salt);
}

/** The two views of one buffer that frames are read and written with. */
export interface FrameMemory {
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
}

/**
 * `incomplete`: what there is may be the beginning of a frame; `broken`: it is none. A frame that is whole has its kind, and its length in
 * the memory behind it.
 */
export type FrameVerdict = 'whole' | 'incomplete' | 'broken';

export function judgeFrame(memory: FrameMemory, at: number, end: number, salt: number): FrameVerdict {
  const { u8, u32 } = memory;
  if (at + FRAME_HEADER_BYTES > end) return 'incomplete';
  const int = at >>> 2;
  const bytes = u32[int + BYTES_INT];
  if (u32[int + MAGIC_INT] !== FRAME_MAGIC || bytes > MOST_FRAME_BYTES) return 'broken';
  if (at + frameBytes(bytes) > end) return 'incomplete';
  return checksum(u8, at, bytes, salt) === u32[int + CHECKSUM_INT] ? 'whole' : 'broken';
}

export function payloadBytes(memory: FrameMemory, at: number): number {
  return memory.u32[(at >>> 2) + BYTES_INT];
}

export function frameKind(memory: FrameMemory, at: number): number {
  return memory.u32[(at >>> 2) + KIND_INT];
}

/** Kind and payload lie together; length and magic are two numbers more, mixed into the start. The zeros at the end count too. */
function checksum(u8: Uint8Array, at: number, bytes: number, salt: number): number {
  const begin = (salt ^ Math.imul(bytes + 1, 0x9e3779b1)) >>> 0;
  return crc32(u8.subarray(at + 4 * KIND_INT, at + frameBytes(bytes)), begin);
}
