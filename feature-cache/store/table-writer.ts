import { randomInt } from 'node:crypto';
import { asTidegateError, TidegateError } from '../../contract/error.js';
import type { FeatureUpdate, TableShape } from '../../contract/feature-row.js';
import { blockBytes } from './block-heap.js';
import { Categories } from './categories.js';
import { EntityKey } from './entity-key.js';
import { ROW_STAMP, ROW_STAMPS } from './row-layout.js';
import { RowRestore } from './row-restore.js';
import { RowStore } from './row-store.js';
import { RowStamps, stampWord, writeStamp } from './stamps.js';
import { reserveTable, type TableHandle, type TableMemory } from './table-memory.js';
import { PRESENT, type StageLimits, UNTOUCHED, UpdateStage } from './update-stage.js';

export interface TableOptions extends Partial<StageLimits> {
  readonly budget_bytes: number;
  /** The index begins large enough for so many: it grows, but a table that is filled at once need not. */
  readonly expected_entities?: number;
  readonly most_categories?: number;
  /** Of the hash of keys; random unless a test wants the same again. */
  readonly seed?: number;
}

export interface TableStats {
  readonly entities: number;
  readonly applied: number;
  /** Older than what the row holds, or the same again. */
  readonly ignored: number;
  readonly refused: number;
  readonly evicted: number;
  readonly categories: number;
  readonly committed_bytes: number;
  readonly budget_bytes: number;
}

export interface RefusedUpdate {
  readonly position: number;
  readonly error: TidegateError;
}

export const LEAST_BUDGET_BYTES = 1024 * 1024;
const MOST_STRING_BYTES = 16 * 1024;
const MOST_FUTURE_US = 60_000_000;
const MOST_CATEGORIES = 100_000;

/**
 * The one writer of a table. Each field is a register in which the later event wins, so any order of arrival, repetition
 * and replay from any earlier position ends in the same values. An update is checked, and all memory it needs is had,
 * before the row is touched.
 */
export class TableWriter {
  readonly memory: TableMemory;
  readonly #options: TableOptions;
  readonly #store: RowStore;
  readonly #stamps: RowStamps;
  readonly #categories: Categories;
  readonly #stage: UpdateStage;
  readonly #restore: RowRestore;
  readonly #key: EntityKey;
  /** 1 where the staged event replaces what the row has. */
  readonly #changes: Uint8Array;
  /** Of strings, the new block; of categories, the number. */
  readonly #text_words: Int32Array;
  #applied = 0;
  #ignored = 0;
  #refused = 0;

  constructor(shape: TableShape, options: TableOptions) {
    if (!(options.budget_bytes >= LEAST_BUDGET_BYTES)) {
      throw new TidegateError(
        'INVALID_CONFIG',
        `features "${shape.name}": a budget of ${options.budget_bytes} bytes: give at least ${LEAST_BUDGET_BYTES}`,
      );
    }
    const seed = options.seed ?? randomInt(2 ** 32);
    this.memory = reserveTable(shape, seed, options.budget_bytes);
    const { layout, rows } = this.memory;
    this.#options = options;
    this.#store = new RowStore(this.memory, options.budget_bytes, options.expected_entities ?? 0);
    this.#stamps = new RowStamps(layout, rows, this.#store.heap);
    this.#categories = new Categories(this.#store, options.most_categories ?? MOST_CATEGORIES);
    this.#stage = new UpdateStage(layout, {
      most_string_bytes: options.most_string_bytes ?? MOST_STRING_BYTES,
      most_future_us: options.most_future_us ?? MOST_FUTURE_US,
    });
    this.#key = new EntityKey(seed);
    this.#restore = new RowRestore(this.#store, this.#key);
    this.#changes = new Uint8Array(layout.fields.length);
    this.#text_words = new Int32Array(layout.fields.length);
  }

  /** For readers in any thread. */
  get handle(): TableHandle {
    return this.memory.handle;
  }

  get stats(): TableStats {
    return {
      entities: this.#store.entities,
      applied: this.#applied,
      ignored: this.#ignored,
      refused: this.#refused,
      evicted: this.#store.evicted,
      categories: this.#categories.count,
      committed_bytes: this.#store.committed_bytes,
      budget_bytes: this.#options.budget_bytes,
    };
  }

  /** True if the event changed anything; false if all of it was known, or is older than what is. Throws if it is refused. */
  apply(update: FeatureUpdate, now_us: number): boolean {
    try {
      // From a stream or a caller, whatever its type says.
      if (typeof update !== 'object' || update === null) {
        throw new TidegateError('INVALID_VALUE', 'an update is an object with a key, times, a sequence and values');
      }
      this.#key.setParts(update.key);
      this.#stage.set(update, now_us);
      const changed = this.#merge(now_us);
      if (changed) this.#applied++;
      else this.#ignored++;
      return changed;
    } catch (refusal) {
      this.#refused++;
      throw refusal;
    }
  }

  /** Each for itself: what is wrong with one does not keep the others out. */
  applyAll(updates: readonly FeatureUpdate[], now_us: number): RefusedUpdate[] {
    const refused: RefusedUpdate[] = [];
    for (let position = 0; position < updates.length; position++) {
      try {
        this.apply(updates[position], now_us);
      } catch (error) {
        refused.push({ position, error: asTidegateError(error) });
      }
    }
    return refused;
  }

  /** Rows of a snapshot, before the table is given to readers and before its categories. */
  restoreRows(records: Int32Array): void {
    this.#restore.restore(records);
  }

  /** In the order of their numbers, which the restored rows hold. */
  restoreCategories(texts: readonly string[]): void {
    for (const text of texts) this.#categories.codeOf(Buffer.from(text), -1, 0);
  }

  #merge(now_us: number): boolean {
    const found = this.#store.find(this.#key);
    if (found < 0) {
      const base = this.#store.create(this.#key, now_us);
      try {
        this.#choose(base);
        this.#change(base, now_us, true);
      } catch (refusal) {
        this.#store.discard(base);
        throw refusal;
      }
      this.#store.publish(base, this.#key);
      return true;
    }
    if (!this.#choose(found)) return false;
    this.#change(found, now_us, false);
    return true;
  }

  /** Which fields the event wins. */
  #choose(base: number): boolean {
    const { marks } = this.#stage;
    let any = false;
    let last_stamp = -1;
    let last_loses = false;
    for (let position = 0; position < marks.length; position++) {
      const stamp = this.#stamps.of(base, position);
      if (stamp !== last_stamp) {
        last_stamp = stamp;
        last_loses = this.#stamps.loses(base, stamp, this.#stage);
      }
      const wins = marks[position] !== UNTOUCHED && last_loses;
      this.#changes[position] = wins ? 1 : 0;
      any ||= wins;
    }
    return any;
  }

  #change(base: number, now_us: number, locked: boolean): void {
    const stamp = this.#stamps.unused(base, this.#changes);
    const keeps_outside = this.#stamps.outsideInUse;
    const stamp_bytes = this.#stamps.bytesFor(base, stamp);
    this.#allocateTexts(base, now_us);
    let new_stamps = 0;
    if (stamp_bytes > 0) {
      try {
        new_stamps = this.#store.allocate(stamp_bytes, base, now_us);
      } catch (refusal) {
        this.#freeTexts(this.#changes.length);
        throw refusal;
      }
    }
    // From here on nothing can fail.
    if (!locked) this.#store.lock(base);
    this.#placeStamp(base, stamp, new_stamps, keeps_outside);
    for (let position = 0; position < this.#changes.length; position++) {
      if (this.#changes[position] === 1) this.#writeField(base, position, stamp);
    }
    if (!locked) this.#store.unlock(base);
  }

  #placeStamp(base: number, stamp: number, new_stamps: number, keeps_outside: boolean): void {
    const rows = this.memory.rows.i32;
    const heap = this.memory.heap.i32;
    const old = rows[base + ROW_STAMPS];
    if (new_stamps !== 0) {
      if (old !== 0) heap.copyWithin(new_stamps + 1, old + 1, old + 1 + (blockBytes(heap[old]) >>> 2));
      rows[base + ROW_STAMPS] = new_stamps;
    } else if (stamp === 0 && !keeps_outside) {
      rows[base + ROW_STAMPS] = 0;
    }
    // Readers that still look into a block that is freed here find the row locked, or changed.
    if (old !== 0 && rows[base + ROW_STAMPS] !== old) this.#store.heap.free(old);
    if (stamp === 0) writeStamp(rows, base + ROW_STAMP, this.#stage);
    else writeStamp(heap, stampWord(stamp, rows[base + ROW_STAMPS]), this.#stage);
  }

  #writeField(base: number, position: number, stamp: number): void {
    const { rows, layout } = this.memory;
    const { i32 } = rows;
    const { type, word, mask, words } = layout.fields[position];
    const present = this.#stage.marks[position] === PRESENT;
    rows.u8[base * 4 + layout.stamp_of_byte + position] = stamp;
    const presence = base + layout.presence + (position >>> 5);
    const bit = 1 << (position & 31);
    i32[presence] = present ? i32[presence] | bit : i32[presence] & ~bit;
    if (type === 'string' && i32[base + word] !== 0) this.#store.heap.free(i32[base + word]);
    if (type === 'string' || type === 'category') {
      i32[base + word] = present ? this.#text_words[position] : 0;
    } else if (type === 'bool') {
      const set = present ? this.#stage.words[word] & mask : 0;
      i32[base + word] = (i32[base + word] & ~mask) | set;
    } else {
      // Zeros where the value is taken away: what was deleted is not found in memory or in a snapshot.
      for (let at = 0; at < words; at++) i32[base + word + at] = present ? this.#stage.words[word + at] : 0;
    }
  }

  #allocateTexts(base: number, now_us: number): void {
    const { fields, texts } = this.memory.layout;
    for (const position of texts) {
      const bytes = this.#stage.texts[position];
      if (bytes === undefined || this.#changes[position] === 0) continue;
      try {
        if (fields[position].type === 'category') {
          this.#text_words[position] = this.#categories.codeOf(bytes, base, now_us);
        } else {
          const block = this.#store.allocate(bytes.length, base, now_us);
          this.memory.heap.u8.set(bytes, (block + 1) * 4);
          this.#text_words[position] = block;
        }
      } catch (refusal) {
        this.#freeTexts(position);
        throw refusal;
      }
    }
  }

  /** Of the fields before `end`. */
  #freeTexts(end: number): void {
    const { fields, texts } = this.memory.layout;
    for (const position of texts) {
      const taken = position < end && this.#stage.texts[position] !== undefined && this.#changes[position] === 1;
      if (taken && fields[position].type === 'string') this.#store.heap.free(this.#text_words[position]);
    }
  }
}
