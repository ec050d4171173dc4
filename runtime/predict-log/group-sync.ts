/**
 * Lets many callers share one sync of the disk. What is asked for while one runs waits for the next, which begins when that one is done, and so
 * covers everything that was written before any of them asked.
 */
export class GroupSync {
  readonly #sync: () => Promise<boolean>;
  #running: Promise<boolean> | undefined;
  #next: Promise<boolean> | undefined;

  /** `sync` never rejects. */
  constructor(sync: () => Promise<boolean>) {
    this.#sync = sync;
  }

  /** Resolves when everything written before this call has been synced, to whether that went well. */
  ask(): Promise<boolean> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#begin();
    this.#next = this.#running.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<boolean> {
    const running = this.#sync().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
