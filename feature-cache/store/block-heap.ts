import { type SharedWords, steps } from './shared-words.js';

/**
 * Blocks of bytes for keys, strings and further stamps. A block is named by the word where it begins; that word holds its
 * length in bytes, the bytes follow. Blocks come in classes of size, four between one power of two and the next, so at most
 * a fifth of a block is lost; freed ones are kept in a list of their class. Only the writer allocates.
 *
 * A reader may hold the name of a block that was freed and given to another row: it finds out by the lock of the row where
 * it read the name, which was taken before the block was freed.
 */
const FIRST_WORD = 2;

export class BlockHeap {
  readonly words: SharedWords;
  readonly #free: number[][] = [];
  #next = FIRST_WORD;
  #used_words = 0;

  constructor(words: SharedWords) {
    this.words = words;
  }

  /** Of blocks in use, with what their classes round up. */
  get used_bytes(): number {
    return this.#used_words * 4;
  }

  /** Whether a block for so many bytes can be had, and if so, how many bytes of memory have to be committed for it. */
  bytesToCommit(bytes: number): number {
    const size_class = classOf(wordsFor(bytes));
    if ((this.#free[size_class]?.length ?? 0) > 0) return 0;
    const needed = (this.#next + wordsOfClass(size_class)) * 4;
    if (needed <= this.words.committed_bytes) return 0;
    if (steps(needed) > this.words.most_bytes) return Number.POSITIVE_INFINITY;
    return steps(needed) - this.words.committed_bytes;
  }

  /** The block's content is what was there before: the caller fills it. */
  allocate(bytes: number): number {
    const size_class = classOf(wordsFor(bytes));
    const words = wordsOfClass(size_class);
    let block = this.#free[size_class]?.pop();
    if (block === undefined) {
      block = this.#next;
      this.words.grow((block + words) * 4);
      this.#next += words;
    }
    this.words.i32[block] = bytes;
    this.#used_words += words;
    return block;
  }

  free(block: number): void {
    const size_class = classOf(wordsFor(this.words.i32[block]));
    let free = this.#free[size_class];
    if (free === undefined) {
      free = [];
      this.#free[size_class] = free;
    }
    free.push(block);
    this.#used_words -= wordsOfClass(size_class);
  }
}

function wordsFor(bytes: number): number {
  return 1 + ((bytes + 3) >>> 2);
}

/** 1, 2, 3 and 4 words have classes of their own; from there on, 5, 6, 7, 8, 10, 12, 14, 16, 20 and so on. */
export function classOf(words: number): number {
  if (words <= 4) return words - 1;
  const power = 29 - Math.clz32(words - 1);
  return power * 4 + Math.ceil(words / 2 ** power) - 1;
}

export function wordsOfClass(size_class: number): number {
  if (size_class < 4) return size_class + 1;
  const power = (size_class >>> 2) - 1;
  return ((size_class & 3) + 5) * 2 ** power;
}
