import { TidegateError } from '../../contract/error.js';
import type { RowStore } from './row-store.js';
import { steps } from './shared-words.js';
import { CONTROL_CATEGORIES } from './table-memory.js';

/**
 * The texts of categories, each kept once and named by a number that never changes. They are not given back: a field whose
 * values are not from a small set is a string.
 */
export class Categories {
  readonly #store: RowStore;
  readonly #most: number;
  readonly #code_of = new Map<string, number>();

  constructor(store: RowStore, most: number) {
    this.#store = store;
    this.#most = most;
  }

  get count(): number {
    return this.#code_of.size;
  }

  codeOf(bytes: Buffer, keep: number, now_us: number): number {
    // One character a byte: a key for the map that is made without looking at the UTF-8.
    const text = bytes.toString('latin1');
    const known = this.#code_of.get(text);
    if (known !== undefined) return known;
    const code = this.#code_of.size;
    const { shape } = this.#store.memory.layout;
    if (code >= this.#most) {
      throw new TidegateError(
        'MEMORY_EXHAUSTED',
        `features "${shape.name}" have ${code} categories, which is the most: make the field a string, or spell its values alike`,
      );
    }
    const { categories } = this.#store.memory;
    const end = (code + 1) * 4;
    const more = steps(end) - categories.committed_bytes;
    if (more > 0 && !this.#store.mayCommit(more)) {
      throw new TidegateError('MEMORY_EXHAUSTED', `features "${shape.name}": no room for one more category`);
    }
    const block = this.#store.allocate(bytes.length, keep, now_us);
    const heap = this.#store.heap.words;
    heap.u8.set(bytes, (block + 1) * 4);
    categories.grow(end);
    Atomics.store(categories.i32, code, block);
    Atomics.store(this.#store.memory.control, CONTROL_CATEGORIES, code + 1);
    this.#code_of.set(text, code);
    return code;
  }
}
