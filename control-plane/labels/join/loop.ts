import type { Log } from '../../../std/log.js';
import type { Joiner } from './joiner.js';

const IDLE_MS = 1000;
const MOST_WAIT_MS = 30_000;

/** Joins as long as the process lives. What fails is tried again, a little later each time, and said once. */
export class JoinLoop {
  readonly #joiner: Joiner;
  readonly #log: Log;
  #wake: (() => void) | undefined;
  #isPoked = false;
  #said = '';

  constructor(joiner: Joiner, log: Log) {
    this.#joiner = joiner;
    this.#log = log;
  }

  /** There are new labels. */
  poke(): void {
    this.#isPoked = true;
    this.#wake?.();
  }

  async run(stopped: AbortSignal): Promise<void> {
    let wait_ms = IDLE_MS;
    while (!stopped.aborted) {
      try {
        this.#isPoked = false;
        const hasMore = await this.#joiner.step();
        wait_ms = IDLE_MS;
        this.#said = '';
        if (!hasMore && !this.#isPoked) await this.#pause(wait_ms, stopped);
      } catch (error) {
        if (stopped.aborted) return;
        this.#tell(error);
        await this.#pause(wait_ms, stopped);
        wait_ms = Math.min(MOST_WAIT_MS, wait_ms * 2);
      }
    }
  }

  #tell(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    if (why !== this.#said) this.#log.warn({ error }, 'labels could not be joined: trying again');
    this.#said = why;
  }

  #pause(wait_ms: number, stopped: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        stopped.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, wait_ms);
      this.#wake = done;
      stopped.addEventListener('abort', done, { once: true });
    });
  }
}
