/**
 * Memory that one thread grows and all of them read. It is reserved once at its largest size, which costs address space
 * alone, so that no thread has to be sent new memory while it works: a reader that sees an address beyond its views takes
 * new views of what has been committed since.
 *
 * The views are of a fixed length on purpose: those that follow a growing buffer are read 2.5 times slower (V8 11.3).
 */
export const MOST_SHARED_BYTES = 4 * 1024 ** 3 - 65_536;

/** Memory is committed in such steps: a few pages, small beside any table, and seldom enough to cost nothing. */
export const COMMIT_STEP_BYTES = 65_536;

export class SharedWords {
  readonly buffer: SharedArrayBuffer;
  i32: Int32Array;
  f32: Float32Array;
  f64: Float64Array;
  u8: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.i32 = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
    this.f32 = new Float32Array(buffer, 0, buffer.byteLength >>> 2);
    this.f64 = new Float64Array(buffer, 0, buffer.byteLength >>> 3);
    this.u8 = new Uint8Array(buffer, 0, buffer.byteLength);
  }

  static reserve(most_bytes: number, first_bytes = COMMIT_STEP_BYTES): SharedWords {
    const most = Math.min(MOST_SHARED_BYTES, steps(Math.max(most_bytes, first_bytes)));
    return new SharedWords(new SharedArrayBuffer(steps(first_bytes), { maxByteLength: most }));
  }

  get committed_bytes(): number {
    return this.u8.length;
  }

  get most_bytes(): number {
    return this.buffer.maxByteLength;
  }

  /** Sees what the writer has committed since. True if there is more than before. */
  refresh(): boolean {
    const { byteLength } = this.buffer;
    if (byteLength === this.u8.length) return false;
    this.i32 = new Int32Array(this.buffer, 0, byteLength >>> 2);
    this.f32 = new Float32Array(this.buffer, 0, byteLength >>> 2);
    this.f64 = new Float64Array(this.buffer, 0, byteLength >>> 3);
    this.u8 = new Uint8Array(this.buffer, 0, byteLength);
    return true;
  }

  /** Commits at least so many bytes in all. The caller has asked `most_bytes` and its budget before. */
  grow(bytes: number): void {
    if (bytes > this.u8.length) {
      this.buffer.grow(steps(bytes));
      this.refresh();
    }
  }
}

/** So many bytes in whole steps of memory. */
export function steps(bytes: number): number {
  return Math.ceil(bytes / COMMIT_STEP_BYTES) * COMMIT_STEP_BYTES;
}
