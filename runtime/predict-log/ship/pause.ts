/** Waiting that ends early when the shipper is to stop. */
export class Pause {
  #stopping = false;
  #wake: (() => void) | undefined;

  get stopping(): boolean {
    return this.#stopping;
  }

  stop(): void {
    this.#stopping = true;
    this.#wake?.();
  }

  for(duration_ms: number): Promise<void> {
    if (this.#stopping || duration_ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, duration_ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
