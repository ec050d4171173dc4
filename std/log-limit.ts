/** Keys that are remembered; beyond them the oldest is forgotten, and may be logged once more than it should. */
const MOST_KEYS = 256;

interface Remembered {
  until_ms: number;
  held: number;
}

/** Keeps what happens again and again from flooding a log: one line for each key in an interval. */
export class LogLimit {
  readonly #interval_ms: number;
  readonly #now_ms: () => number;
  readonly #keys = new Map<string, Remembered>();

  constructor(interval_ms: number, now_ms: () => number = () => performance.now()) {
    this.#interval_ms = interval_ms;
    this.#now_ms = now_ms;
  }

  /** How many were held back since the last line of this key, which may be written again; undefined: this one is held back too. */
  admit(key: string): number | undefined {
    const at_ms = this.#now_ms();
    const known = this.#keys.get(key);
    if (known !== undefined && at_ms < known.until_ms) {
      known.held++;
      return undefined;
    }
    this.#keys.delete(key);
    if (this.#keys.size >= MOST_KEYS) this.#forgetOldest();
    this.#keys.set(key, { until_ms: at_ms + this.#interval_ms, held: 0 });
    return known?.held ?? 0;
  }

  #forgetOldest(): void {
    for (const key of this.#keys.keys()) {
      this.#keys.delete(key);
      return;
    }
  }
}
