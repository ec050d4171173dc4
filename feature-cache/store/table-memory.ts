import type { TableShape } from '../../contract/feature-row.js';
import { type RowLayout, rowLayout } from './row-layout.js';
import { SharedWords } from './shared-words.js';

/** Words of the control block. */
/** Which of the two indexes holds (the lowest bit of the count above bit 5), and the bits of its size (below). */
export const CONTROL_INDEX = 0;
/** Rows that have ever been in use: their numbers are below it. */
export const CONTROL_ROWS = 1;
/** Categories that have ever been named: their numbers are below it. */
export const CONTROL_CATEGORIES = 2;
const CONTROL_WORDS = 4;
const INDEX_BITS = 32;

/** A table as it is sent to another thread: shared memory, and what it takes to read it. */
export interface TableHandle {
  readonly shape: TableShape;
  readonly seed: number;
  readonly control: SharedArrayBuffer;
  readonly indexes: readonly [SharedArrayBuffer, SharedArrayBuffer];
  readonly rows: SharedArrayBuffer;
  readonly heap: SharedArrayBuffer;
  readonly categories: SharedArrayBuffer;
}

/** The memory of a table as one thread sees it. */
export interface TableMemory {
  readonly handle: TableHandle;
  readonly layout: RowLayout;
  readonly control: Int32Array;
  readonly indexes: readonly [SharedWords, SharedWords];
  readonly rows: SharedWords;
  readonly heap: SharedWords;
  /** Word n is the block of the text of category n. */
  readonly categories: SharedWords;
}

export function indexWord(generation: number, bits: number): number {
  return generation * INDEX_BITS + bits;
}

export function generationOf(word: number): number {
  return word >>> 5;
}

export function bitsOf(word: number): number {
  return word & (INDEX_BITS - 1);
}

/** Reserves addresses; no memory but a few pages is in use before rows are. */
export function reserveTable(shape: TableShape, seed: number, budget_bytes: number): TableMemory {
  rowLayout(shape);
  const reserve = (): SharedArrayBuffer => SharedWords.reserve(budget_bytes).buffer;
  return attachTable({
    shape,
    seed,
    control: new SharedArrayBuffer(CONTROL_WORDS * 4),
    indexes: [reserve(), reserve()],
    rows: reserve(),
    heap: reserve(),
    categories: reserve(),
  });
}

export function attachTable(handle: TableHandle): TableMemory {
  const [first, second] = handle.indexes;
  return {
    handle,
    layout: rowLayout(handle.shape),
    control: new Int32Array(handle.control),
    indexes: [new SharedWords(first), new SharedWords(second)],
    rows: new SharedWords(handle.rows),
    heap: new SharedWords(handle.heap),
    categories: new SharedWords(handle.categories),
  };
}
