import { type BlockHeap, blockBytes } from './block-heap.js';
import { ROW_STAMP, ROW_STAMPS, type RowLayout, STAMP_WORDS } from './row-layout.js';
import type { SharedWords } from './shared-words.js';
import type { UpdateStage } from './update-stage.js';

/** The stamp of a field that no event has spoken of yet. */
export const NEVER = 255;

const HIGH_BITS = 0x1fffff;
const SOURCE_SHIFT = 24;
const CLEAR_OF_SOURCE = 0xffffff;

/**
 * When, in which order and from where values came. The first stamp of a row lies in the row, further ones in a block of the
 * heap that holds 1, 3, 7 and so on of them. Event and ingest time are two words each; they are not aligned to eight bytes
 * in blocks, so they are read and written by way of two words.
 */
const pair = new Int32Array(2);
const pair_f64 = new Float64Array(pair.buffer);

export function stampWord(stamp: number, base: number): number {
  return base + (stamp - 1) * STAMP_WORDS + 1;
}

export function readTime(words: Int32Array, at: number): number {
  pair[0] = words[at];
  pair[1] = words[at + 1];
  return pair_f64[0];
}

function writeTime(words: Int32Array, at: number, time_us: number): void {
  pair_f64[0] = time_us;
  words[at] = pair[0];
  words[at + 1] = pair[1];
}

export function readSequence(words: Int32Array, at: number): number {
  return (words[at + 5] & HIGH_BITS) * 2 ** 32 + (words[at + 4] >>> 0);
}

export function readSource(words: Int32Array, at: number): number {
  return words[at + 5] >>> SOURCE_SHIFT;
}

/** Over the words of one stamp. */
export function writeStamp(words: Int32Array, at: number, stage: UpdateStage): void {
  writeTime(words, at, stage.event_time_us);
  writeTime(words, at + 2, stage.ingest_time_us);
  words[at + 4] = stage.sequence | 0;
  words[at + 5] = ((stage.sequence / 2 ** 32) & CLEAR_OF_SOURCE) | (stage.source << SOURCE_SHIFT);
}

/**
 * Whether an event replaces what a stamp says. By event time, then sequence, then source: an order of all events, so that
 * every order of arrival ends in the same row. The same event again replaces nothing.
 */
export function replaces(stage: UpdateStage, words: Int32Array, at: number): boolean {
  const event_time_us = readTime(words, at);
  if (stage.event_time_us !== event_time_us) return stage.event_time_us > event_time_us;
  const sequence = readSequence(words, at);
  if (stage.sequence !== sequence) return stage.sequence > sequence;
  return stage.source > readSource(words, at);
}

/** Where the stamps of a row lie, and which of them are in use: the writer's side. */
export class RowStamps {
  readonly #layout: RowLayout;
  readonly #rows: SharedWords;
  readonly #heap: BlockHeap;
  readonly #in_use: Uint8Array;

  constructor(layout: RowLayout, rows: SharedWords, heap: BlockHeap) {
    this.#layout = layout;
    this.#rows = rows;
    this.#heap = heap;
    this.#in_use = new Uint8Array(layout.fields.length + 1);
  }

  /** The stamp of a field, or NEVER. */
  of(base: number, position: number): number {
    return this.#rows.u8[base * 4 + this.#layout.stamp_of_byte + position];
  }

  /** Whether the staged event replaces what this stamp of the row stands for. */
  loses(base: number, stamp: number, stage: UpdateStage): boolean {
    if (stamp === NEVER) return true;
    if (stamp === 0) return replaces(stage, this.#rows.i32, base + ROW_STAMP);
    return replaces(stage, this.#heap.words.i32, stampWord(stamp, this.#rows.i32[base + ROW_STAMPS]));
  }

  /** The least stamp that no field but those that are about to change refers to. */
  unused(base: number, changes: Uint8Array): number {
    this.#in_use.fill(0);
    if (changes.indexOf(0) < 0) return 0;
    const first = base * 4 + this.#layout.stamp_of_byte;
    const { u8 } = this.#rows;
    for (let position = 0; position < changes.length; position++) {
      const stamp = u8[first + position];
      if (changes[position] === 0 && stamp !== NEVER) this.#in_use[stamp] = 1;
    }
    return this.#in_use.indexOf(0);
  }

  /** After `unused`: whether the stamps outside of the row are needed by what stays. */
  get outsideInUse(): boolean {
    return this.#in_use.indexOf(1, 1) >= 0;
  }

  /** The bytes of the block that a stamp needs: 0 if what the row has will do. */
  bytesFor(base: number, stamp: number): number {
    if (stamp === 0) return 0;
    const block = this.#rows.i32[base + ROW_STAMPS];
    const had = block === 0 ? 0 : blockBytes(this.#heap.words.i32[block]);
    let capacity = Math.floor(had / (STAMP_WORDS * 4));
    if (stamp <= capacity) return 0;
    while (capacity < stamp) capacity = capacity * 2 + 1;
    return Math.min(capacity, this.#layout.fields.length) * STAMP_WORDS * 4;
  }
}
