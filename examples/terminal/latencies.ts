const WINDOW = 4096;

/** The latest few thousand durations, for percentiles of what happens now. */
export class Latencies {
  readonly #window_ms = new Float64Array(WINDOW);
  #count = 0;

  add(latency_ms: number): void {
    this.#window_ms[this.#count++ % WINDOW] = latency_ms;
  }

  /** Nearest-rank percentiles, one for each share from 0 to 1; all 0 before the first duration. */
  percentiles(...shares: readonly number[]): number[] {
    const sorted = this.#window_ms.slice(0, Math.min(this.#count, WINDOW)).sort();
    return shares.map((share) => sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)] ?? 0);
  }
}
