import { ROW_KEY, ROW_LOCK, ROW_STAMP, ROW_STAMPS, ROW_TOUCHED, type RowLayout } from './row-layout.js';
import type { SharedWords } from './shared-words.js';
import { readTime } from './stamps.js';

/** So many rows are looked at for one victim. Were all of them read since the hand last passed, the newcomer is refused. */
export const MOST_EXAMINED = 1024;

/**
 * Chooses rows to evict, as a clock: the hand goes round, passes over rows that were read since it last came, and takes the
 * first that was not. A reader then only ever sets one word of a row; lists ordered by use would have to be changed by
 * every reader at every read, with locks. New rows begin as not read, so a burst of keys that nobody asks for evicts its
 * own, and those that are read stay.
 *
 * A row whose times to live have all passed goes first, read or not: nothing may be served from it.
 */
export class ClockHand {
  readonly #rows: SharedWords;
  readonly #layout: RowLayout;
  readonly #longest_ttl_us: number;
  #next = 0;

  constructor(layout: RowLayout, rows: SharedWords) {
    this.#rows = rows;
    this.#layout = layout;
    this.#longest_ttl_us = Math.max(...layout.fields.map(({ ttl_us }) => ttl_us));
  }

  /** The word where the victim's row begins, or -1. `keep` is the row that is being worked on. */
  victim(row_count: number, keep: number, now_us: number): number {
    const { words } = this.#layout;
    const { i32 } = this.#rows;
    for (let examined = 0; examined < Math.min(MOST_EXAMINED, row_count * 2); examined++) {
      if (this.#next >= row_count) this.#next = 0;
      const base = this.#next * words;
      this.#next++;
      if (base === keep || i32[base + ROW_KEY] === 0 || (i32[base + ROW_LOCK] & 1) === 1) continue;
      if (i32[base + ROW_TOUCHED] === 0 || this.#expired(base, now_us)) return base;
      i32[base + ROW_TOUCHED] = 0;
    }
    return -1;
  }

  /** By the stamp in the row alone: those outside of it belong to rows that are updated in parts, which are seldom left alone. */
  #expired(base: number, now_us: number): boolean {
    const { i32 } = this.#rows;
    return i32[base + ROW_STAMPS] === 0 && now_us - readTime(i32, base + ROW_STAMP) > this.#longest_ttl_us;
  }
}
