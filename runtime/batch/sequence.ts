import { Deque } from './deque.js';
import type { Entry } from './entry.js';
import type { ModelQueue } from './model-queue.js';
import type { Address } from './slab-arena.js';

/**
 * The state of one stream or sequence of a stateful model. Two blocks take turns: a run reads one and writes the other, and they
 * change places only when the run is known to have succeeded. One request at a time runs; the next ones are held.
 */
export class Sequence {
  readonly key: string;
  readonly queue: ModelQueue;
  /** Both blocks, one after the other. */
  readonly address: Address;
  readonly block_bytes: number;
  readonly held = new Deque<Entry>();
  busy = false;
  used_us: number;
  /** No request is accepted any more; memory goes back when the last one is done. */
  closed = false;
  #turn: 0 | 1 = 0;

  readonly #released: (sequence: Sequence) => void;

  /** `released` is called once the sequence is closed and its last request is done: its memory may go back. */
  constructor(
    key: string,
    queue: ModelQueue,
    address: Address,
    block_bytes: number,
    now_us: number,
    released: (sequence: Sequence) => void,
  ) {
    this.#released = released;
    this.key = key;
    this.queue = queue;
    this.address = address;
    this.block_bytes = block_bytes;
    this.used_us = now_us;
  }

  get current(): Address {
    return this.address + this.#turn * this.block_bytes;
  }

  get next(): Address {
    return this.address + (1 - this.#turn) * this.block_bytes;
  }

  /** The last request is done. */
  idle(): void {
    if (this.closed) this.#released(this);
  }

  advance(): void {
    this.#turn = this.#turn === 0 ? 1 : 0;
  }
}
