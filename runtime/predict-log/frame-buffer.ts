import { SlabViews } from '../codec/slab-views.js';
import { aligned, FRAME_HEADER_BYTES, frameBytes, sealFrame } from './frame.js';

const FIRST_BYTES = 256 * 1024;
/** After a request of many megabytes the memory is given back. */
const MOST_KEPT_BYTES = 4 * 1024 * 1024;

/** Memory in which frames are put together, one behind the other, until all of them are written at once. */
export class FrameBuffer {
  memory = new SlabViews(new ArrayBuffer(FIRST_BYTES));
  /** Everything before this is sealed. */
  used_bytes = 0;
  /** Where the next byte of the open frame goes. */
  at = FRAME_HEADER_BYTES;

  /** Begins a frame; what an earlier `open` began and nobody sealed is forgotten. */
  open(): void {
    this.at = this.used_bytes + FRAME_HEADER_BYTES;
  }

  get payload_at(): number {
    return this.used_bytes + FRAME_HEADER_BYTES;
  }

  /** Room for `bytes` from `at` on. `memory` may be another one afterwards. */
  ensure(bytes: number): void {
    const needed = this.at + bytes + FRAME_HEADER_BYTES;
    if (needed <= this.memory.u8.length) return;
    let size = this.memory.u8.length;
    while (size < needed) size *= 2;
    const larger = new SlabViews(new ArrayBuffer(size));
    larger.u8.set(this.memory.u8.subarray(0, this.at));
    this.memory = larger;
  }

  /** Goes on at a multiple of 8; what lies between is zero. */
  align(): void {
    const to = aligned(this.at);
    this.ensure(to - this.at);
    this.memory.u8.fill(0, this.at, to);
    this.at = to;
  }

  /** What the open frame will take in the segment. */
  get open_bytes(): number {
    return frameBytes(this.at - this.payload_at);
  }

  /** Ends the open frame. Returns what it takes in the segment. */
  seal(kind: number, salt: number): number {
    const bytes = this.at - this.payload_at;
    this.align();
    sealFrame(this.memory, this.used_bytes, kind, bytes, salt);
    this.used_bytes = this.at;
    this.open();
    return frameBytes(bytes);
  }

  /** Everything has been written, or given up. */
  clear(): void {
    if (this.memory.u8.length > MOST_KEPT_BYTES) this.memory = new SlabViews(new ArrayBuffer(FIRST_BYTES));
    this.used_bytes = 0;
    this.open();
  }
}
