import { cancelled, type TidegateClientError } from './error.js';

interface Waiting {
  readonly enter: () => void;
  readonly refuse: (error: TidegateClientError) => void;
}

/** Permits, given out first come, first served. Who finds none waits. */
export class Gate {
  readonly #waiting = new Set<Waiting>();
  #permits: number;

  constructor(permits: number) {
    this.#permits = permits;
  }

  get permits(): number {
    return this.#permits;
  }

  /** Takes a permit as soon as there is one. Rejects with CANCELLED when the signal fires first. */
  async enter(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) throw cancelled(signal);
    if (this.#permits > 0 && this.#waiting.size === 0) {
      this.#permits--;
      return;
    }
    await this.#wait(signal);
  }

  /** Resolves when a permit could be had; takes none. */
  async available(): Promise<void> {
    await this.enter();
    this.add(1);
  }

  add(permits: number): void {
    this.#permits += permits;
    for (const waiting of this.#waiting) {
      if (this.#permits <= 0) return;
      this.#permits--;
      this.#waiting.delete(waiting);
      waiting.enter();
    }
  }

  /** Starts again with this many; who waits goes on waiting. */
  reset(permits: number): void {
    this.#permits = 0;
    this.add(permits);
  }

  /** Refuses everybody who waits. */
  refuseAll(error: TidegateClientError): void {
    for (const waiting of this.#waiting) waiting.refuse(error);
    this.#waiting.clear();
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(waiting);
        signal?.removeEventListener('abort', abort);
      };
      const abort = () => {
        leave();
        if (signal !== undefined) reject(cancelled(signal));
      };
      const waiting: Waiting = {
        enter: () => {
          leave();
          resolve();
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      this.#waiting.add(waiting);
      signal?.addEventListener('abort', abort);
    });
  }
}
