import { Deque } from './deque.js';
import type { Entry } from './entry.js';

/**
 * Requests of one model that may share a batch: same priority, same shape but for the rows. Models without variable dimensions
 * and without priorities have one lane.
 */
export class Lane {
  readonly priority: number;
  /** Shape of each input of the plan; the rows, where the model is batched, are those of whoever came first. */
  readonly shapes: readonly (readonly number[])[];
  readonly #entries = new Deque<Entry>();
  /** Entries and rows that wait; those that were cancelled or expired are in the deque until they come to its head. */
  waiting = 0;
  rows = 0;
  /** Requests in any phase that will come back to this lane; it must not be dropped before them. */
  users = 0;

  constructor(priority: number, shapes: readonly (readonly number[])[]) {
    this.priority = priority;
    this.shapes = shapes;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.waiting++;
    this.rows += entry.rows;
  }

  /** The oldest that still waits. */
  peek(): Entry | undefined {
    for (let head = this.#entries.peek(); head !== undefined; head = this.#entries.peek()) {
      if (head.phase === 'waiting') return head;
      this.#entries.shift();
    }
    return undefined;
  }

  /** Takes the entry that `peek` returned. */
  take(): void {
    const entry = this.#entries.shift();
    if (entry !== undefined) this.left(entry);
  }

  *[Symbol.iterator](): Iterator<Entry> {
    for (const entry of this.#entries) if (entry.phase === 'waiting') yield entry;
  }

  /** An entry stopped waiting: taken, cancelled or expired. */
  left(entry: Entry): void {
    this.waiting--;
    this.rows -= entry.rows;
  }
}
