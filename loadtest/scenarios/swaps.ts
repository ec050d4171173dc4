import { cp } from 'node:fs/promises';
import { join } from 'node:path';

/** Gives a model a new version again and again: a copy of its first one, which the node finds by itself. */
export class Swaps {
  readonly #timer: NodeJS.Timeout;
  #last: Promise<void> = Promise.resolve();
  #version = 1;

  constructor(folder: string, every_ms: number) {
    this.#timer = setInterval(() => {
      const to = join(folder, String(++this.#version));
      this.#last = this.#last.then(() => cp(join(folder, '1'), to, { recursive: true }));
    }, every_ms);
  }

  get made(): number {
    return this.#version - 1;
  }

  /** Resolves when the last copy is complete; rejects when one failed. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#last;
  }
}
