import { blockBytes } from './block-heap.js';
import { hashOfWords } from './entity-key.js';
import { bitsFor, KeyIndex, MOST_BITS } from './key-index.js';
import { ROW_KEY } from './row-layout.js';
import { steps } from './shared-words.js';
import { CONTROL_INDEX, indexWord, type TableMemory } from './table-memory.js';

/** So much of the slots taken, and the next index is begun. It is filled long before this one is full, at 0.75. */
const CROWDED = 0.7;
/** The next one is twice as large if entities alone take so much; else removed ones crowd this one, and its size will do. */
const CROWDED_BY_ENTITIES = 0.45;
/** No more entities than this if there is no memory for a larger index: each newcomer then needs somebody to go. */
const MOST_BY_ENTITIES = 0.65;
/** Rows that go into the next index with each new entity: all of them are there before another 0.025 of the slots is taken. */
const ROWS_AT_ONCE = 32;

/**
 * The index of a table, and the one that will follow it: filled row by row as entities come, in the other memory, so that no
 * update waits until millions of rows have been hashed again. Readers go on with the old one meanwhile. They see the new
 * one by its generation; whoever found nothing asks for it once more, so the old memory may be written again at once.
 */
export class GrowingIndex {
  readonly #memory: TableMemory;
  #index: KeyIndex;
  #generation = 0;
  #next: KeyIndex | undefined;
  /** Rows below it are in the next index too. */
  #cursor = 0;

  constructor(memory: TableMemory, expected_rows: number) {
    this.#memory = memory;
    this.#index = new KeyIndex(memory.indexes[0], bitsFor(expected_rows, CROWDED));
    this.#publish();
  }

  get current(): KeyIndex {
    return this.#index;
  }

  /** Both memories count in full, though the second is committed when it is first filled: it has to be possible at any time. */
  get bytes(): number {
    return 2 * steps(4 * 2 ** Math.max(this.#index.bits, this.#next?.bits ?? 0));
  }

  /** Whether one more entity is one too many, for there is no memory for a larger index. */
  isFull(entities: number, left_bytes: number): boolean {
    return entities + 1 > 2 ** this.#index.bits * MOST_BY_ENTITIES && !this.#grows && !this.#mayGrow(left_bytes);
  }

  /** Makes room for one more, before it comes; `row_count` rows are there, none of them half made. */
  prepare(entities: number, row_count: number, left_bytes: number): void {
    if (this.#next === undefined) {
      const slots = 2 ** this.#index.bits;
      if (this.#index.taken < slots * CROWDED) return;
      const larger = entities > slots * CROWDED_BY_ENTITIES && this.#mayGrow(left_bytes);
      const memory = this.#memory.indexes[(this.#generation + 1) & 1];
      this.#next = new KeyIndex(memory, this.#index.bits + (larger ? 1 : 0));
      this.#cursor = 0;
    }
    this.#advance(this.#index.full ? row_count : Math.min(row_count, this.#cursor + ROWS_AT_ONCE), row_count);
  }

  insert(hash: number, row: number): void {
    this.#index.insert(hash, row);
    if (row < this.#cursor) this.#next?.insert(hash, row);
  }

  remove(row: number): void {
    const hash = this.#hashOf(row);
    this.#index.remove(hash, row);
    if (row < this.#cursor) this.#next?.remove(hash, row);
  }

  get #grows(): boolean {
    return this.#next !== undefined && this.#next.bits > this.#index.bits;
  }

  #mayGrow(left_bytes: number): boolean {
    const { bits } = this.#index;
    const twice = steps(8 * 2 ** bits);
    const fits = bits < MOST_BITS && twice <= this.#memory.indexes[0].most_bytes;
    return fits && 2 * (twice - steps(4 * 2 ** bits)) <= left_bytes;
  }

  #advance(end: number, row_count: number): void {
    const { rows, layout } = this.#memory;
    for (; this.#cursor < end; this.#cursor++) {
      const present = rows.i32[this.#cursor * layout.words + ROW_KEY] !== 0;
      if (present) this.#next?.insert(this.#hashOf(this.#cursor), this.#cursor);
    }
    if (this.#cursor < row_count || this.#next === undefined) return;
    this.#index = this.#next;
    this.#next = undefined;
    this.#cursor = 0;
    this.#generation++;
    this.#publish();
  }

  #publish(): void {
    Atomics.store(this.#memory.control, CONTROL_INDEX, indexWord(this.#generation, this.#index.bits));
  }

  #hashOf(row: number): number {
    const heap = this.#memory.heap.i32;
    const block = this.#memory.rows.i32[row * this.#memory.layout.words + ROW_KEY];
    return hashOfWords(heap, block + 1, blockBytes(heap[block]), this.#memory.handle.seed);
  }
}
