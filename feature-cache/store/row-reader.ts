import { TidegateError } from '../../contract/error.js';
import type { FeatureValue } from '../../contract/feature-row.js';
import { blockBytes } from './block-heap.js';
import type { EntityKey } from './entity-key.js';
import { probe, rowMask } from './key-index.js';
import { type FieldPlace, ROW_KEY, ROW_LOCK, ROW_STAMP, ROW_STAMPS, ROW_TOUCHED } from './row-layout.js';
import type { SharedWords } from './shared-words.js';
import { NEVER, stampWord } from './stamps.js';
import {
  bitsOf,
  CONTROL_CATEGORIES,
  CONTROL_INDEX,
  CONTROL_ROWS,
  generationOf,
  type TableMemory,
} from './table-memory.js';

/** A change of a row takes about a microsecond: so often is the lock looked at before the thread sleeps. */
const SPINS = 200;
const SLEEP_MS = 0.05;
/** With the sleeps about a second: no writer is away for so long in the middle of a row, unless its thread was ended there. */
const MOST_SLEEPS = 20_000;
const CACHE_LINE_WORDS = 16;
/** Longer than any string that a writer takes. */
const MOST_TEXT_BYTES = 64 * 1024 * 1024;

/**
 * Reads rows of a table that another thread changes meanwhile. `find` remembers the row's lock; what was read since counts
 * only if `unchanged` says so, else everything is read again from `find` on.
 *
 * Values are read as ordinary memory, since atomic loads cost seven times as much here. Two accesses keep the order that
 * this needs on machines that reorder: the writer loads the lock after taking it, so that nothing it then writes is seen
 * before; the reader stores to a word of its own before it looks at the lock again, so that nothing it read comes after.
 */
export class RowReader {
  readonly memory: TableMemory;
  readonly #fence = new Int32Array(new SharedArrayBuffer(4));
  readonly #categories: string[] = [];
  #index_word = -1;
  #index: SharedWords;
  #bits = 0;
  #lock = 0;
  /** The word where the row begins that was found last. */
  base = 0;

  constructor(memory: TableMemory) {
    this.memory = memory;
    this.#index = memory.indexes[0];
  }

  /** False if there is no such entity. */
  find(key: EntityKey): boolean {
    for (;;) {
      this.#seeIndex();
      const seen = this.#index_word;
      if (this.#findIn(key)) return true;
      // The index may have been replaced while it was searched: only an index that still holds knows who is not there.
      if (Atomics.load(this.memory.control, CONTROL_INDEX) === seen) return false;
    }
  }

  /**
   * Has the processor fetch the rows of many hashes at once, before they are read one by one: each read would wait for
   * memory three times, for its slot, its row and its key, and the reads behind it with it. Loops of nothing but reads wait
   * together. A hint: whatever was found is looked for again, and `places` (hashes before the call) mean nothing after it.
   */
  fetchAll(places: Int32Array, count: number): void {
    this.#seeIndex();
    const { words } = this.memory.layout;
    const mask = rowMask(this.#bits);
    const slots = this.#index.i32;
    const rows = this.memory.rows.i32;
    const heap = this.memory.heap.i32;
    for (let i = 0; i < count; i++) places[i] = ((slots[places[i] & mask] & mask) - 1) * words;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const base = places[i];
      places[i] = 0;
      if (base < 0 || base + words > rows.length) continue;
      places[i] = rows[base + ROW_KEY];
      for (let word = CACHE_LINE_WORDS; word < words; word += CACHE_LINE_WORDS) sum += rows[base + word];
    }
    for (let i = 0; i < count; i++) {
      if (places[i] > 0 && places[i] < heap.length) sum += heap[places[i]];
    }
    // Of no use but that the compiler cannot leave the reads out.
    this.#fence[0] = sum;
  }

  /** The row of a number, for those who go through all of them. False if it is free. */
  findRow(row: number): boolean {
    const base = row * this.memory.layout.words;
    this.#seeRow(base);
    this.base = base;
    this.#lock = this.#settled(base);
    return this.memory.rows.i32[base + ROW_KEY] !== 0;
  }

  get rowCount(): number {
    return Atomics.load(this.memory.control, CONTROL_ROWS);
  }

  get categoryCount(): number {
    return Atomics.load(this.memory.control, CONTROL_CATEGORIES);
  }

  /** Whether what was read since `find` was of one moment. */
  unchanged(): boolean {
    Atomics.store(this.#fence, 0, 0);
    return Atomics.load(this.memory.rows.i32, this.base + ROW_LOCK) === this.#lock;
  }

  /** Tells the clock that looks for victims that somebody wants this row. */
  touch(): void {
    const { i32 } = this.memory.rows;
    if (i32[this.base + ROW_TOUCHED] === 0) i32[this.base + ROW_TOUCHED] = 1;
  }

  present(position: number): boolean {
    const word = this.memory.rows.i32[this.base + this.memory.layout.presence + (position >>> 5)];
    return ((word >>> (position & 31)) & 1) === 1;
  }

  /**
   * Where the stamp of a field lies: from 0 on in the row's words, below -1 in the heap's at -2 - n; -1: no event has ever
   * spoken of it.
   */
  stampOf(position: number): number {
    const stamp = this.memory.rows.u8[this.base * 4 + this.memory.layout.stamp_of_byte + position];
    if (stamp === 0) return this.base + ROW_STAMP;
    if (stamp === NEVER) return -1;
    const at = stampWord(stamp, this.memory.rows.i32[this.base + ROW_STAMPS]);
    this.seeHeap(at + 6);
    return -2 - at;
  }

  /** Of a field that is present. Of a row that changes meanwhile, anything: see `unchanged`. */
  value(place: FieldPlace): FeatureValue {
    const { type, word, mask, words } = place;
    const { rows } = this.memory;
    const at = this.base + word;
    switch (type) {
      case 'int64':
        return int64Of(rows.i32[at], rows.i32[at + 1]);
      case 'bool':
        return (rows.i32[at] & mask) !== 0;
      case 'string':
        return this.text(rows.i32[at]);
      case 'category':
        return this.category(rows.i32[at]);
      case 'vector':
        return rows.f32.slice(at, at + words);
      default:
        return this.number(place);
    }
  }

  /** Of a field that is present and a number, or a bool as 0 or 1. An int64 as the nearest number. */
  number({ type, word, mask }: FieldPlace): number {
    const { rows } = this.memory;
    const at = this.base + word;
    switch (type) {
      case 'float32':
        return rows.f32[at];
      case 'float64':
      case 'timestamp':
        return rows.f64[at >>> 1];
      case 'int32':
        return rows.i32[at];
      case 'int64':
        return rows.i32[at + 1] * 2 ** 32 + (rows.i32[at] >>> 0);
      case 'bool':
        return (rows.i32[at] & mask) === 0 ? 0 : 1;
      default:
        return Number.NaN;
    }
  }

  text(block: number): string {
    this.seeHeap(block + 1);
    const bytes = blockBytes(this.memory.heap.i32[block]);
    this.seeHeap(block + 1 + (bytes >>> 2) + 1);
    const { u8 } = this.memory.heap;
    const from = (block + 1) * 4;
    // A torn row may name anything: what is read of it is thrown away, but must not throw, nor take long.
    if (!(bytes <= MOST_TEXT_BYTES && from + bytes <= u8.length)) return '';
    return Buffer.from(u8.buffer, from, bytes).toString('utf8');
  }

  /** Each is decoded once in this thread: the texts of categories do not change. */
  category(code: number): string {
    const known = this.#categories[code];
    if (known !== undefined) return known;
    const { categories } = this.memory;
    if (code >= categories.i32.length) categories.refresh();
    const block = code < categories.i32.length ? Atomics.load(categories.i32, code) : 0;
    // Only a torn row names a category that is not there, and what is read of it is thrown away.
    if (block === 0) return '';
    const text = this.text(block);
    this.#categories[code] = text;
    return text;
  }

  /** Has the heap's views reach so many words. What a torn row names may be beyond all memory: it reads as undefined. */
  seeHeap(end: number): void {
    if (end > this.memory.heap.i32.length) this.memory.heap.refresh();
  }

  #seeIndex(): void {
    const word = Atomics.load(this.memory.control, CONTROL_INDEX);
    if (word === this.#index_word) return;
    this.#index_word = word;
    this.#bits = bitsOf(word);
    this.#index = this.memory.indexes[generationOf(word) & 1];
    this.#index.refresh();
  }

  #findIn(key: EntityKey): boolean {
    const { words } = this.memory.layout;
    const mask = rowMask(this.#bits);
    const slots = this.#index.i32;
    let slot = probe(slots, key.hash & mask, key.hash, this.#bits);
    while (slot >= 0) {
      const row = (Atomics.load(slots, slot) & mask) - 1;
      // A slot may have been emptied since it was probed.
      if (row >= 0 && row < this.rowCount) {
        this.base = row * words;
        this.#seeRow(this.base);
        do {
          this.#lock = this.#settled(this.base);
          if (this.#isOf(this.base, key)) return true;
        } while (!this.unchanged());
      }
      slot = probe(slots, (slot + 1) & mask, key.hash, this.#bits);
    }
    return false;
  }

  #seeRow(base: number): void {
    if (base + this.memory.layout.words > this.memory.rows.i32.length) this.memory.rows.refresh();
  }

  #isOf(base: number, key: EntityKey): boolean {
    const block = this.memory.rows.i32[base + ROW_KEY];
    const key_words = (key.length + 3) >>> 2;
    this.seeHeap(block + 1 + key_words);
    const heap = this.memory.heap.i32;
    if (blockBytes(heap[block]) !== key.length) return false;
    for (let at = 0; at < key_words; at++) {
      if (heap[block + 1 + at] !== key.words[at]) return false;
    }
    return true;
  }

  /** The lock, once the writer does not hold it. */
  #settled(base: number): number {
    const { i32 } = this.memory.rows;
    let lock = Atomics.load(i32, base + ROW_LOCK);
    for (let tries = 0; (lock & 1) === 1; tries++) {
      if (tries >= SPINS) Atomics.wait(i32, base + ROW_LOCK, lock, SLEEP_MS);
      if (tries >= SPINS + MOST_SLEEPS) {
        const { name } = this.memory.handle.shape;
        throw new TidegateError('INTERNAL', `features "${name}": their writer ended in the middle of a row`);
      }
      lock = Atomics.load(i32, base + ROW_LOCK);
    }
    return lock;
  }
}

/** A number where one holds it exactly. */
export function int64Of(low: number, high: number): number | bigint {
  const value = high * 2 ** 32 + (low >>> 0);
  return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low >>> 0);
}
