import { type Column, FIRST_LENGTH, grownLength } from './column.js';

/** A length takes seven bits a byte. */
const MOST_LENGTH_BYTES = 5;
/** Shorter texts are copied quicker here than in native code. */
const SHORT_TEXT_BYTES = 48;

/** Texts, each with its length before it. */
export class StringColumn implements Column {
  readonly type = 'String';
  length = 0;
  /** Views of one memory: `buffer` writes text. */
  #memory: Buffer = Buffer.allocUnsafeSlow(FIRST_LENGTH);
  #used = 0;
  #last = 0;

  get bytes(): number {
    return this.#used;
  }

  push(text: string): void {
    const bytes = Buffer.byteLength(text, 'utf8');
    this.#begin(bytes);
    this.#used += this.#memory.write(text, this.#used, 'utf8');
  }

  /** A text that lies in memory as UTF-8 already. */
  pushBytes(source: Uint8Array, from: number, to: number): void {
    const bytes = to - from;
    this.#begin(bytes);
    const memory = this.#memory;
    let at = this.#used;
    if (bytes > SHORT_TEXT_BYTES) memory.set(source.subarray(from, to), at);
    else for (let index = from; index < to; index++) memory[at++] = source[index];
    this.#used += bytes;
  }

  /** Adds the last text `times` more; without a last one, empty texts. */
  repeat(times: number): void {
    if (times <= 0) return;
    if (this.length === 0) {
      this.push('');
      this.repeat(times - 1);
      return;
    }
    const from = this.#last;
    const bytes = this.#used - from;
    this.#ensure(bytes * times);
    for (let time = 0; time < times; time++) this.#memory.copyWithin(this.#used + time * bytes, from, from + bytes);
    this.#used += bytes * times;
    this.#last = this.#used - bytes;
    this.length += times;
  }

  clear(): void {
    this.length = 0;
    this.#used = 0;
    this.#last = 0;
  }

  collect(into: Uint8Array[]): void {
    into.push(this.#memory.subarray(0, this.#used));
  }

  #begin(bytes: number): void {
    this.#ensure(bytes + MOST_LENGTH_BYTES);
    this.#last = this.#used;
    this.length++;
    let rest = bytes;
    while (rest >= 0x80) {
      this.#memory[this.#used++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#memory[this.#used++] = rest;
  }

  #ensure(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#memory.length) return;
    const larger = Buffer.allocUnsafeSlow(grownLength(this.#memory.length, needed));
    this.#memory.copy(larger, 0, 0, this.#used);
    this.#memory = larger;
  }
}
