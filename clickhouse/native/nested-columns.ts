import type { Column } from './column.js';
import { WholeColumn } from './number-columns.js';
import { StringColumn } from './string-column.js';

/** Arrays: fill `items`, then close the array with `end`. */
export class ArrayColumn<Items extends Column> implements Column {
  readonly type: string;
  readonly items: Items;
  readonly #ends = new WholeColumn('UInt64');

  constructor(items: Items) {
    this.items = items;
    this.type = `Array(${items.type})`;
  }

  get length(): number {
    return this.#ends.length;
  }

  get bytes(): number {
    return this.#ends.bytes + this.items.bytes;
  }

  /** Everything that was added to `items` since the last array is one. */
  end(): void {
    this.#ends.push(this.items.length);
  }

  /** The last `count × width` items are `count` arrays. */
  endEach(count: number, width: number): void {
    const before = this.items.length - count * width;
    for (let index = 1; index <= count; index++) this.#ends.push(before + index * width);
  }

  clear(): void {
    this.#ends.clear();
    this.items.clear();
  }

  collect(into: Uint8Array[]): void {
    this.#ends.collect(into);
    this.items.collect(into);
  }
}

/** Maps from text to text: fill `keys` and `values`, then close the map with `end`. */
export class MapColumn implements Column {
  readonly type = 'Map(String, String)';
  readonly keys = new StringColumn();
  readonly values = new StringColumn();
  readonly #ends = new WholeColumn('UInt64');

  get length(): number {
    return this.#ends.length;
  }

  get bytes(): number {
    return this.#ends.bytes + this.keys.bytes + this.values.bytes;
  }

  end(): void {
    this.#ends.push(this.keys.length);
  }

  clear(): void {
    this.#ends.clear();
    this.keys.clear();
    this.values.clear();
  }

  collect(into: Uint8Array[]): void {
    this.#ends.collect(into);
    this.keys.collect(into);
    this.values.collect(into);
  }
}
