import { blockWords } from './block-heap.js';
import { type EntityKey, MOST_KEY_BYTES } from './entity-key.js';
import { ROW_STAMP, ROW_STAMPS, STAMP_WORDS } from './row-layout.js';
import { NO_TEXT, RECORD_KEY, RECORD_KEY_BYTES, RECORD_STAMP_BYTES, wordsOfBytes } from './row-record.js';
import type { RowStore } from './row-store.js';

/** Puts rows of a snapshot into a table that nobody reads yet. */
export class RowRestore {
  readonly #store: RowStore;
  readonly #key: EntityKey;
  readonly #texts: readonly number[];
  readonly #least_words: number;
  readonly #most_stamp_bytes: number;

  constructor(store: RowStore, key: EntityKey) {
    this.#store = store;
    this.#key = key;
    const { layout } = store.memory;
    this.#texts = layout.fields.filter(({ type }) => type === 'string').map(({ word }) => word);
    this.#least_words = RECORD_KEY + layout.words - ROW_STAMP + this.#texts.length;
    this.#most_stamp_bytes = layout.fields.length * STAMP_WORDS * 4;
  }

  /** All records of a portion. Throws where lengths do not add up, which a checksum that fits leaves to our own mistakes. */
  restore(records: Int32Array): void {
    let at = 0;
    while (at < records.length) at = this.#restoreOne(records, at);
    if (at !== records.length) throw new Error(`records of ${at} words in ${records.length}`);
  }

  #restoreOne(records: Int32Array, at: number): number {
    const key_bytes = records[at + RECORD_KEY_BYTES];
    const stamp_bytes = records[at + RECORD_STAMP_BYTES];
    const right =
      key_bytes > 0 && key_bytes <= MOST_KEY_BYTES && stamp_bytes >= 0 && stamp_bytes <= this.#most_stamp_bytes;
    if (!right || at + this.#least_words > records.length)
      throw new Error(`a record of ${key_bytes} and ${stamp_bytes} bytes at ${at}`);
    const { memory } = this.#store;
    this.#key.setWords(records, at + RECORD_KEY, key_bytes);
    const row = at + RECORD_KEY + wordsOfBytes(key_bytes);
    const stamps = row + memory.layout.words - ROW_STAMP;
    const end = this.#endOf(records, stamps + wordsOfBytes(stamp_bytes));
    // An entity that was evicted and came back while the snapshot was written is there twice. The first was read before
    // it came back, so the stream from the snapshot's position on brings all of the second again.
    if (this.#store.find(this.#key) >= 0) return end;
    const base = this.#store.create(this.#key, 0);
    for (let word = ROW_STAMP; word < memory.layout.words; word++)
      memory.rows.i32[base + word] = records[row + word - ROW_STAMP];
    // Words that name blocks name none of this table's.
    for (const word of this.#texts) memory.rows.i32[base + word] = 0;
    try {
      this.#restoreBlocks(base, records, stamps, stamp_bytes);
    } catch (refusal) {
      this.#store.discard(base);
      throw refusal;
    }
    this.#store.publish(base, this.#key);
    return end;
  }

  #endOf(records: Int32Array, texts: number): number {
    let at = texts;
    for (let text = 0; text < this.#texts.length; text++) {
      const bytes = records[at];
      if (!(bytes >= NO_TEXT && blockWords(bytes) <= records.length))
        throw new Error(`a text of ${bytes} bytes at ${at}`);
      at += 1 + (bytes === NO_TEXT ? 0 : wordsOfBytes(bytes));
    }
    return at;
  }

  #restoreBlocks(base: number, records: Int32Array, stamps: number, stamp_bytes: number): void {
    const { rows } = this.#store.memory;
    if (stamp_bytes > 0) rows.i32[base + ROW_STAMPS] = this.#block(base, records, stamps, stamp_bytes);
    let at = stamps + wordsOfBytes(stamp_bytes);
    for (const word of this.#texts) {
      const bytes = records[at++];
      if (bytes === NO_TEXT) continue;
      const block = this.#block(base, records, at, bytes);
      rows.i32[base + word] = block;
      at += wordsOfBytes(bytes);
    }
  }

  #block(base: number, records: Int32Array, at: number, bytes: number): number {
    const block = this.#store.allocate(bytes, base, 0);
    const { i32 } = this.#store.heap.words;
    for (let word = 0; word < wordsOfBytes(bytes); word++) i32[block + 1 + word] = records[at + word];
    return block;
  }
}
