import { type SharedWords, steps } from './shared-words.js';

/**
 * Blocks of bytes for keys, strings and further stamps. A block is named by the word where it begins: that word holds its
 * length in bytes above two flags, the bytes follow. Sizes are multiples of four words. Only the writer allocates.
 *
 * Free blocks lie in lists by size, four sizes between one power of two and the next, and are joined with free neighbours:
 * where rows are evicted for others of all sizes for months, lists of fixed sizes would end with room in all lists but the
 * one that is asked for. A free block keeps its words where the length was, the next and the one before in its list behind
 * that, and its words again at its end, for the neighbour above to find where it begins.
 *
 * A reader may hold the name of a block that was freed and given to another row: it finds out by the lock of the row where
 * it read the name, which was taken before the block was freed.
 */
const UNIT_WORDS = 4;
const USED = 1;
/** The block below is in use: there is nothing to be joined with. */
const USED_BELOW = 2;
const FLAG_BITS = 2;
const LISTS = 128;

/** Of a block's first word. */
export function blockBytes(header: number): number {
  return header >>> FLAG_BITS;
}

export class BlockHeap {
  readonly words: SharedWords;
  /** The first free block of each size, or 0: no block begins there. */
  readonly #first = new Int32Array(LISTS);
  /** Behind the last block; the block below is in use, always. */
  #top = UNIT_WORDS;
  #used_words = 0;

  constructor(words: SharedWords) {
    this.words = words;
  }

  /** Of blocks in use, whole as they are. */
  get used_bytes(): number {
    return this.#used_words * 4;
  }

  /** How far blocks reach: 16 where there are none. */
  get top_bytes(): number {
    return this.#top * 4;
  }

  /** How much memory a block for so many bytes would have to commit; infinite where there are no more addresses. */
  bytesToCommit(bytes: number): number {
    const size = blockWords(bytes);
    if (this.#fitting(size) !== 0) return 0;
    const needed = (this.#top + size) * 4;
    if (needed <= this.words.committed_bytes) return 0;
    if (steps(needed) > this.words.most_bytes) return Number.POSITIVE_INFINITY;
    return steps(needed) - this.words.committed_bytes;
  }

  /** The block's content is what was there before: the caller fills it. */
  allocate(bytes: number): number {
    const size = blockWords(bytes);
    this.#used_words += size;
    const block = this.#fitting(size);
    if (block === 0) return this.#extend(size, bytes);
    const { i32 } = this.words;
    const rest = (i32[block] >>> FLAG_BITS) - size;
    this.#unlink(block);
    if (rest > 0) this.#link(block + size, rest);
    else i32[block + size] |= USED_BELOW;
    // Below a free block there is none, else they would be one.
    i32[block] = (bytes << FLAG_BITS) | USED | USED_BELOW;
    return block;
  }

  free(block: number): void {
    const { i32 } = this.words;
    let size = blockWords(i32[block] >>> FLAG_BITS);
    this.#used_words -= size;
    if ((i32[block] & USED_BELOW) === 0) {
      const below = i32[block - 1];
      block -= below;
      size += below;
      this.#unlink(block);
    }
    const above = block + size;
    if (above < this.#top && (i32[above] & USED) === 0) {
      size += i32[above] >>> FLAG_BITS;
      this.#unlink(above);
    }
    if (block + size === this.#top) this.#top = block;
    else this.#link(block, size);
  }

  #extend(size: number, bytes: number): number {
    const block = this.#top;
    this.words.grow((block + size) * 4);
    this.#top += size;
    this.words.i32[block] = (bytes << FLAG_BITS) | USED | USED_BELOW;
    return block;
  }

  /** A free block of at least so many words, or 0. */
  #fitting(size: number): number {
    const { i32 } = this.words;
    const list = listOf(size);
    // Those of the same list may be too small: a few are looked at, for a table of equal rows is served by them.
    let block = this.#first[list];
    for (let looked = 0; block !== 0 && looked < 4; looked++) {
      if (i32[block] >>> FLAG_BITS >= size) return block;
      block = i32[block + 1];
    }
    for (let larger = list + 1; larger < LISTS; larger++) {
      if (this.#first[larger] !== 0) return this.#first[larger];
    }
    return 0;
  }

  #link(block: number, size: number): void {
    const { i32 } = this.words;
    const list = listOf(size);
    const next = this.#first[list];
    i32[block] = (size << FLAG_BITS) | USED_BELOW;
    i32[block + 1] = next;
    i32[block + 2] = 0;
    i32[block + size - 1] = size;
    if (next !== 0) i32[next + 2] = block;
    this.#first[list] = block;
    i32[block + size] &= ~USED_BELOW;
  }

  #unlink(block: number): void {
    const { i32 } = this.words;
    const next = i32[block + 1];
    const before = i32[block + 2];
    if (before === 0) this.#first[listOf(i32[block] >>> FLAG_BITS)] = next;
    else i32[before + 1] = next;
    if (next !== 0) i32[next + 2] = before;
  }
}

/** Of a block for so many bytes, with its first word. */
export function blockWords(bytes: number): number {
  return (((bytes + 3) >>> 2) + UNIT_WORDS) & ~(UNIT_WORDS - 1);
}

/** Larger lists hold larger blocks only. */
function listOf(size: number): number {
  const units = size / UNIT_WORDS;
  if (units < 8) return units;
  const power = 31 - Math.clz32(units);
  return power * 4 + ((units >>> (power - 2)) & 3) - 4;
}
