import { blockBytes } from './block-heap.js';
import { ROW_KEY, ROW_STAMP, ROW_STAMPS, type RowLayout } from './row-layout.js';
import type { RowReader } from './row-reader.js';

/**
 * A row in a snapshot, in words: bytes of the key, bytes of further stamps, the key, the row from its first stamp on, the
 * further stamps, and for each field of type string its bytes and text, or -1. Words of the row that name blocks of the heap
 * mean nothing in another table, and are zero.
 */
export const RECORD_KEY_BYTES = 0;
export const RECORD_STAMP_BYTES = 1;
export const RECORD_KEY = 2;
export const NO_TEXT = -1;

export function wordsOfBytes(bytes: number): number {
  return (bytes + 3) >>> 2;
}

/** The words that the row of `reader` takes, or of a row that is changing, any number up to `most`. */
export function recordWords(reader: RowReader, layout: RowLayout, texts: readonly number[]): number {
  const { rows, heap } = reader.memory;
  let words = RECORD_KEY + layout.words - ROW_STAMP + texts.length;
  for (const word of [ROW_KEY, ROW_STAMPS, ...texts]) {
    const block = rows.i32[reader.base + word];
    if (block === 0) continue;
    reader.seeHeap(block + 1);
    const text_words = wordsOfBytes(blockBytes(heap.i32[block] ?? 0));
    reader.seeHeap(block + 1 + text_words);
    words += text_words;
  }
  return words;
}

/** Writes the record and returns where it ends. Of a row that is changing, anything: but never beyond `into`. */
export function writeRecord(
  reader: RowReader,
  layout: RowLayout,
  texts: readonly number[],
  into: Int32Array,
  at: number,
): number {
  const { rows, heap } = reader.memory;
  const { base } = reader;
  const key = rows.i32[base + ROW_KEY];
  const stamps = rows.i32[base + ROW_STAMPS];
  const key_bytes = blockBytes(heap.i32[key]);
  const stamp_bytes = stamps === 0 ? 0 : blockBytes(heap.i32[stamps]);
  into[at + RECORD_KEY_BYTES] = key_bytes;
  into[at + RECORD_STAMP_BYTES] = stamp_bytes;
  let next = copy(heap.i32, key + 1, wordsOfBytes(key_bytes), into, at + RECORD_KEY);
  const row = next;
  next = copy(rows.i32, base + ROW_STAMP, layout.words - ROW_STAMP, into, next);
  if (stamps !== 0) next = copy(heap.i32, stamps + 1, wordsOfBytes(stamp_bytes), into, next);
  for (const word of texts) {
    const block = into[row + word - ROW_STAMP];
    into[row + word - ROW_STAMP] = 0;
    into[next] = block === 0 ? NO_TEXT : blockBytes(heap.i32[block]);
    next++;
    if (block !== 0) next = copy(heap.i32, block + 1, wordsOfBytes(into[next - 1]), into, next);
  }
  return next;
}

/** A loop: for the few words of most rows it is faster than `set` of a part, which makes an object each time. */
function copy(from: Int32Array, start: number, words: number, into: Int32Array, at: number): number {
  const end = Math.min(at + words, into.length);
  for (let i = at; i < end; i++) into[i] = from[start + i - at];
  return at + words;
}
