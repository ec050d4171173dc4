import type { SharedWords } from './shared-words.js';

/**
 * From the hash of a key to its row: open addressing, one word a slot. With 2^b slots, the lower b bits of a hash choose
 * where to look first, and the slot holds the other 32 - b bits as a tag beside the number of the row plus one: no bit of the
 * hash is spent twice. Of the rows that others left on the way, one in 2^(32 - b) is looked at for nothing: one in 2,000
 * with a million entities, one in 256 with ten. A second hash would make every key slower to prepare to save that.
 *
 * The number of rows stays below the number of slots, so b bits are enough for it; all bits set mean "was a row, go on".
 */
export const MOST_LOAD = 0.75;
export const LEAST_BITS = 8;
export const MOST_BITS = 29;

const EMPTY = 0;

export function rowMask(bits: number): number {
  return (1 << bits) - 1;
}

/** The word that stands for a row of this hash. */
export function slotOf(hash: number, row: number, bits: number): number {
  return (hash & ~rowMask(bits)) | (row + 1);
}

/**
 * The next slot from `slot` on whose tag is that of the hash, or -1 at the end of the chain. The caller compares the keys,
 * and goes on behind it if they differ. Bounded: slots may change under a reader's eyes.
 */
export function probe(words: Int32Array, slot: number, hash: number, bits: number): number {
  const mask = rowMask(bits);
  const tag = hash & ~mask;
  for (let steps = 0; steps <= mask; steps++) {
    const word = words[slot];
    if (word === EMPTY) return -1;
    if ((word & ~mask) === tag && (word & mask) !== mask) return slot;
    slot = (slot + 1) & mask;
  }
  return -1;
}

/** The fewest bits with which so many rows take no more than such a part of the slots. */
export function bitsFor(rows: number, load: number): number {
  let bits = LEAST_BITS;
  while (bits < MOST_BITS && 2 ** bits * load < rows + 1) bits++;
  return bits;
}

/** The writer's side of one index. Slots are written with Atomics: whoever sees a row's number sees the row's key. */
export class KeyIndex {
  readonly words: SharedWords;
  readonly bits: number;
  /** Slots that are not empty, those of removed rows among them: they make chains as long as rows do. */
  #taken = 0;

  constructor(words: SharedWords, bits: number) {
    this.words = words;
    this.bits = bits;
    words.grow(4 * 2 ** bits);
    words.i32.fill(EMPTY, 0, 2 ** bits);
  }

  get taken(): number {
    return this.#taken;
  }

  get full(): boolean {
    return this.#taken + 1 > 2 ** this.bits * MOST_LOAD;
  }

  /** The row is known not to be there. */
  insert(hash: number, row: number): void {
    const { i32 } = this.words;
    const mask = rowMask(this.bits);
    let slot = hash & mask;
    while (i32[slot] !== EMPTY && (i32[slot] & mask) !== mask) slot = (slot + 1) & mask;
    if (i32[slot] === EMPTY) this.#taken++;
    Atomics.store(i32, slot, slotOf(hash, row, this.bits));
  }

  remove(hash: number, row: number): void {
    const { i32 } = this.words;
    const mask = rowMask(this.bits);
    const wanted = slotOf(hash, row, this.bits) | 0;
    let slot = hash & mask;
    while (i32[slot] !== wanted) {
      if (i32[slot] === EMPTY) return;
      slot = (slot + 1) & mask;
    }
    // Where the chain ends behind it, the slot can be empty again, and so can removed ones before it.
    if (i32[(slot + 1) & mask] !== EMPTY) {
      Atomics.store(i32, slot, mask);
      return;
    }
    Atomics.store(i32, slot, EMPTY);
    this.#taken--;
    for (let before = (slot - 1) & mask; (i32[before] & mask) === mask; before = (before - 1) & mask) {
      Atomics.store(i32, before, EMPTY);
      this.#taken--;
    }
  }
}
