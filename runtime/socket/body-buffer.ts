/** What is allocated ahead of a body that is announced and has not come: more would let empty promises hold memory. */
const AHEAD_BYTES = 1024 * 1024;
const FIRST_BYTES = 16 * 1024;

/** Puts a body together that came in several pieces. */
export class BodyBuffer {
  #bytes: Buffer;
  #length = 0;

  /** `declared`: by `content-length`; 0 when unknown. */
  constructor(declared: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(declared || FIRST_BYTES, AHEAD_BYTES));
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  append(piece: Uint8Array): void {
    const needed = this.#length + piece.length;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = needed;
  }
}
