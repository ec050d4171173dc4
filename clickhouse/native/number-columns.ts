import { type Column, FIRST_LENGTH, grownLength } from './column.js';

const WORD = 2 ** 32;

/** What numeric columns share. `values` is written by whoever called `room`, from the index that it returned. */
abstract class NumberColumn implements Column {
  readonly type: string;
  length = 0;

  constructor(type: string) {
    this.type = type;
  }

  abstract readonly values: Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array;
  protected abstract grow(length: number): void;

  /** Elements of `values` that one value takes. */
  protected get elements(): number {
    return 1;
  }

  get bytes(): number {
    return this.length * this.elements * this.values.BYTES_PER_ELEMENT;
  }

  /** Adds `count` values, and returns the index of the first one's first element. `values` may be another array afterwards. */
  room(count: number): number {
    const at = this.length * this.elements;
    const needed = at + count * this.elements;
    if (needed > this.values.length) this.grow(grownLength(this.values.length, needed));
    this.length += count;
    return at;
  }

  clear(): void {
    this.length = 0;
  }

  collect(into: Uint8Array[]): void {
    into.push(new Uint8Array(this.values.buffer, this.values.byteOffset, this.bytes));
  }
}

export class UInt8Column extends NumberColumn {
  values = new Uint8Array(FIRST_LENGTH);

  constructor() {
    super('UInt8');
  }

  push(value: number): void {
    const at = this.length;
    if (at === this.values.length) this.grow(2 * at);
    this.values[at] = value;
    this.length = at + 1;
  }

  protected grow(length: number): void {
    const larger = new Uint8Array(length);
    larger.set(this.values);
    this.values = larger;
  }
}

export class UInt16Column extends NumberColumn {
  values = new Uint16Array(FIRST_LENGTH);

  constructor() {
    super('UInt16');
  }

  push(value: number): void {
    const at = this.length;
    if (at === this.values.length) this.grow(2 * at);
    this.values[at] = value;
    this.length = at + 1;
  }

  protected grow(length: number): void {
    const larger = new Uint16Array(length);
    larger.set(this.values);
    this.values = larger;
  }
}

export class UInt32Column extends NumberColumn {
  values = new Uint32Array(FIRST_LENGTH);

  constructor() {
    super('UInt32');
  }

  push(value: number): void {
    const at = this.length;
    if (at === this.values.length) this.grow(2 * at);
    this.values[at] = value;
    this.length = at + 1;
  }

  protected grow(length: number): void {
    const larger = new Uint32Array(length);
    larger.set(this.values);
    this.values = larger;
  }
}

/** Whole numbers of eight bytes up to 2^53: UInt64, and the moments of DateTime64. Two words each, because a BigInt is an object. */
export class WholeColumn extends NumberColumn {
  values = new Uint32Array(FIRST_LENGTH);

  protected override get elements(): number {
    return 2;
  }

  /** `value` must not be negative. */
  push(value: number): void {
    const at = 2 * this.length;
    if (at === this.values.length) this.grow(2 * at);
    const high = Math.floor(value / WORD);
    this.values[at] = value - high * WORD;
    this.values[at + 1] = high;
    this.length++;
  }

  protected grow(length: number): void {
    const larger = new Uint32Array(length);
    larger.set(this.values);
    this.values = larger;
  }
}

export class Float32Column extends NumberColumn {
  values = new Float32Array(FIRST_LENGTH);

  constructor() {
    super('Float32');
  }

  push(value: number): void {
    const at = this.length;
    if (at === this.values.length) this.grow(2 * at);
    this.values[at] = value;
    this.length = at + 1;
  }

  protected grow(length: number): void {
    const larger = new Float32Array(length);
    larger.set(this.values);
    this.values = larger;
  }
}

export class Float64Column extends NumberColumn {
  values = new Float64Array(FIRST_LENGTH);

  constructor() {
    super('Float64');
  }

  push(value: number): void {
    const at = this.length;
    if (at === this.values.length) this.grow(2 * at);
    this.values[at] = value;
    this.length = at + 1;
  }

  protected grow(length: number): void {
    const larger = new Float64Array(length);
    larger.set(this.values);
    this.values = larger;
  }
}
