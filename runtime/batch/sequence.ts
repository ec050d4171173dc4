import { Deque } from './deque.js';
import type { Entry } from './entry.js';
import type { ModelQueue } from './model-queue.js';
import type { Address } from './slab-arena.js';

export interface SequenceParts {
  readonly key: string;
  readonly queue: ModelQueue;
  /** Both blocks, one after the other. */
  readonly address: Address;
  readonly block_bytes: number;
  readonly started_us: number;
  /** Kept however long it is idle: whoever holds it ends it. */
  readonly lasting: boolean;
  /** Called once the sequence is closed and its last request is done: its memory may go back. */
  readonly released: (sequence: Sequence) => void;
}

/**
 * The state of one stream or sequence of a stateful model. Two blocks take turns: a run reads one and writes the other, and they
 * change places only when the run is known to have succeeded. One request at a time runs; the next ones are held.
 */
export class Sequence {
  readonly key: string;
  readonly queue: ModelQueue;
  readonly address: Address;
  readonly block_bytes: number;
  readonly lasting: boolean;
  readonly held = new Deque<Entry>();
  busy = false;
  used_us: number;
  /** No request is accepted any more; memory goes back when the last one is done. */
  closed = false;
  readonly #released: (sequence: Sequence) => void;
  #turn: 0 | 1 = 0;

  constructor(parts: SequenceParts) {
    this.key = parts.key;
    this.queue = parts.queue;
    this.address = parts.address;
    this.block_bytes = parts.block_bytes;
    this.lasting = parts.lasting;
    this.used_us = parts.started_us;
    this.#released = parts.released;
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
