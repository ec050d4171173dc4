import { TidegateError } from '../../contract/error.js';
import { BlockHeap, blockBytes } from './block-heap.js';
import { ClockHand } from './clock-hand.js';
import type { EntityKey } from './entity-key.js';
import { GrowingIndex } from './growing-index.js';
import { probe, rowMask } from './key-index.js';
import { ROW_KEY, ROW_LOCK, ROW_STAMPS, ROW_TOUCHED } from './row-layout.js';
import { steps } from './shared-words.js';
import { NEVER } from './stamps.js';
import { CONTROL_ROWS, type TableMemory } from './table-memory.js';

/** Evictions for one allocation: the blocks of that many rows need not lie together, so there has to be an end. */
const MOST_EVICTIONS = 256;

/** Rows, their keys and their blocks, within the budget: who is there, who comes, who has to go. One thread only. */
export class RowStore {
  readonly memory: TableMemory;
  readonly heap: BlockHeap;
  readonly #budget_bytes: number;
  readonly #hand: ClockHand;
  readonly #text_words: readonly number[];
  readonly #free_rows: number[] = [];
  readonly #index: GrowingIndex;
  #row_count = 0;
  entities = 0;
  evicted = 0;

  constructor(memory: TableMemory, budget_bytes: number, expected_rows: number) {
    this.memory = memory;
    this.heap = new BlockHeap(memory.heap);
    this.#budget_bytes = budget_bytes;
    this.#hand = new ClockHand(memory.layout, memory.rows);
    this.#text_words = memory.layout.fields.filter(({ type }) => type === 'string').map(({ word }) => word);
    this.#index = new GrowingIndex(memory, expected_rows);
  }

  get row_count(): number {
    return this.#row_count;
  }

  get committed_bytes(): number {
    const { rows, heap, categories } = this.memory;
    return this.#index.bytes + rows.committed_bytes + heap.committed_bytes + categories.committed_bytes;
  }

  /** The word where the entity's row begins, or -1. */
  find(key: EntityKey): number {
    const { words: slots, bits } = this.#index.current;
    const mask = rowMask(bits);
    let slot = probe(slots.i32, key.hash & mask, key.hash, bits);
    while (slot >= 0) {
      const base = ((slots.i32[slot] & mask) - 1) * this.memory.layout.words;
      if (this.#isOf(base, key)) return base;
      slot = probe(slots.i32, (slot + 1) & mask, key.hash, bits);
    }
    return -1;
  }

  #isOf(base: number, key: EntityKey): boolean {
    const heap = this.memory.heap.i32;
    const block = this.memory.rows.i32[base + ROW_KEY];
    if (blockBytes(heap[block]) !== key.length) return false;
    for (let at = 0; at < (key.length + 3) >>> 2; at++) {
      if (heap[block + 1 + at] !== key.words[at]) return false;
    }
    return true;
  }

  /**
   * A new row for the key, with nothing in it, locked: `publish` unlocks it and lets it be found, `discard` takes it back.
   */
  create(key: EntityKey, now_us: number): number {
    if (this.#index.isFull(this.entities, this.#left())) this.#evict(-1, now_us);
    this.#index.prepare(this.entities, this.#row_count, this.#left());
    const block = this.allocate(key.length, -1, now_us);
    this.heap.words.i32.set(key.words.subarray(0, (key.length + 3) >>> 2), block + 1);
    let base: number;
    try {
      base = this.#allocateRow(now_us);
    } catch (refusal) {
      this.heap.free(block);
      throw refusal;
    }
    this.lock(base);
    const { layout, rows } = this.memory;
    rows.i32[base + ROW_KEY] = block;
    rows.i32.fill(0, base + ROW_STAMPS, base + layout.words);
    const stamps = base * 4 + layout.stamp_of_byte;
    rows.u8.fill(NEVER, stamps, stamps + layout.fields.length);
    return base;
  }

  publish(base: number, key: EntityKey): void {
    this.unlock(base);
    this.#index.insert(key.hash, base / this.memory.layout.words);
    this.entities++;
  }

  discard(base: number): void {
    this.#clear(base);
    this.unlock(base);
  }

  /** Stores before it cannot be seen after it, nor stores after it before it: the load keeps those behind (see RowReader). */
  lock(base: number): void {
    const { i32 } = this.memory.rows;
    Atomics.store(i32, base + ROW_LOCK, (i32[base + ROW_LOCK] + 1) | 0);
    Atomics.load(i32, base + ROW_LOCK);
  }

  unlock(base: number): void {
    const { i32 } = this.memory.rows;
    Atomics.store(i32, base + ROW_LOCK, (i32[base + ROW_LOCK] + 1) | 0);
  }

  /** A block of the heap, for which other rows than `keep` may have to go. */
  allocate(bytes: number, keep: number, now_us: number): number {
    for (let evictions = 0; evictions <= MOST_EVICTIONS; evictions++) {
      if (this.heap.bytesToCommit(bytes) <= this.#left()) return this.heap.allocate(bytes);
      this.#evict(keep, now_us);
    }
    throw this.#fullError(`${MOST_EVICTIONS} rows made no room for ${bytes} bytes`);
  }

  /** Whether so many bytes more may be committed for categories, which are never given back. */
  mayCommit(bytes: number): boolean {
    return bytes <= this.#left();
  }

  #left(): number {
    return this.#budget_bytes - this.committed_bytes;
  }

  #allocateRow(now_us: number): number {
    const { layout, rows, control } = this.memory;
    if (this.#free_rows.length === 0) {
      const end = (this.#row_count + 1) * layout.words * 4;
      const more = steps(end) - rows.committed_bytes;
      const room = more <= 0 || (more <= this.#left() && steps(end) <= rows.most_bytes);
      if (!room) {
        this.#evict(-1, now_us);
      } else {
        rows.grow(end);
        this.#free_rows.push(this.#row_count);
        this.#row_count++;
        Atomics.store(control, CONTROL_ROWS, this.#row_count);
      }
    }
    return (this.#free_rows.pop() ?? 0) * layout.words;
  }

  #evict(keep: number, now_us: number): void {
    const base = this.#hand.victim(this.#row_count, keep, now_us);
    if (base < 0) throw this.#fullError('every row that was looked at is being read');
    this.#index.remove(base / this.memory.layout.words);
    this.lock(base);
    this.#clear(base);
    this.unlock(base);
    this.entities--;
    this.evicted++;
  }

  #clear(base: number): void {
    const { i32 } = this.memory.rows;
    this.heap.free(i32[base + ROW_KEY]);
    i32[base + ROW_KEY] = 0;
    i32[base + ROW_TOUCHED] = 0;
    if (i32[base + ROW_STAMPS] !== 0) this.heap.free(i32[base + ROW_STAMPS]);
    for (const word of this.#text_words) {
      if (i32[base + word] !== 0) this.heap.free(i32[base + word]);
    }
    this.#free_rows.push(base / this.memory.layout.words);
  }

  #fullError(why: string): TidegateError {
    const { shape } = this.memory.layout;
    return new TidegateError(
      'MEMORY_EXHAUSTED',
      `features "${shape.name}" fill their budget of ${this.#budget_bytes} bytes with ${this.entities} entities (${why}): ` +
        'give the view a larger budget, or keep fewer entities on this node',
    );
  }
}
