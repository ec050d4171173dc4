import { murmur3 } from '../../contract/murmur3.js';

const INDEX_BITS = 12;
const REGISTERS = 1 << INDEX_BITS;
/** Up to so many different values each is kept by its hash: small sets are counted without an error. */
const MOST_EXACT = 64;
/** Bias correction for 4,096 registers. */
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);
const encoder = new TextEncoder();

/**
 * How many different values there were, in 4 KiB at most (Flajolet, Fusy, Gandouet and Meunier, 2007; 64 bits of hash, so no correction for large counts is
 * needed). Standard error 1.04 / √4096 = 1.6 %; up to 64 values it is exact. Any order and any repetition of values, and of merges, gives the same.
 */
export class HyperLogLog {
  #exact: Set<string> | undefined = new Set();
  #registers: Uint8Array | undefined;

  static restored(state: HyperLogLogState): HyperLogLog {
    const restored = new HyperLogLog();
    if ('exact' in state) restored.#exact = new Set(state.exact);
    else {
      restored.#exact = undefined;
      restored.#registers = Uint8Array.from(Buffer.from(state.registers, 'base64'));
    }
    return restored;
  }

  add(value: string): void {
    const bytes = encoder.encode(value);
    this.#addHash(murmur3(bytes, 0), murmur3(bytes, 0x9747b28c));
  }

  merge(other: HyperLogLog): void {
    if (other.#exact !== undefined) for (const hash of other.#exact) this.#addHash(...parts(hash));
    if (other.#registers === undefined) return;
    const registers = this.#dense();
    for (let i = 0; i < REGISTERS; i++) registers[i] = Math.max(registers[i], other.#registers[i]);
  }

  get count(): number {
    if (this.#exact !== undefined) return this.#exact.size;
    let sum = 0;
    let zeros = 0;
    for (const rank of this.#dense()) {
      sum += 2 ** -rank;
      if (rank === 0) zeros++;
    }
    const estimate = (ALPHA * REGISTERS * REGISTERS) / sum;
    // Where many registers are empty, counting those is closer.
    return Math.round(estimate <= 2.5 * REGISTERS && zeros > 0 ? REGISTERS * Math.log(REGISTERS / zeros) : estimate);
  }

  get state(): HyperLogLogState {
    if (this.#exact !== undefined) return { exact: [...this.#exact].sort() };
    return { registers: Buffer.from(this.#dense()).toString('base64') };
  }

  #addHash(high: number, low: number): void {
    if (this.#exact !== undefined) {
      this.#exact.add(`${high}:${low}`);
      if (this.#exact.size <= MOST_EXACT) return;
      const hashes = [...this.#exact];
      this.#exact = undefined;
      for (const hash of hashes) this.#addHash(...parts(hash));
      return;
    }
    const registers = this.#dense();
    const index = high >>> (32 - INDEX_BITS);
    registers[index] = Math.max(registers[index], rankOf(high, low));
  }

  #dense(): Uint8Array {
    this.#exact = undefined;
    this.#registers ??= new Uint8Array(REGISTERS);
    return this.#registers;
  }
}

export type HyperLogLogState = { readonly exact: readonly string[] } | { readonly registers: string };

function parts(hash: string): [high: number, low: number] {
  const [high, low] = hash.split(':').map(Number);
  return [high, low];
}

/** Leading zeros, plus one, of the 52 bits behind the index. */
function rankOf(high: number, low: number): number {
  const rest = (high << INDEX_BITS) >>> 0;
  if (rest !== 0) return Math.clz32(rest) + 1;
  return 32 - INDEX_BITS + Math.clz32(low) + 1;
}
