import { now_us } from '../../std/clock.js';

const PERIOD_MS = 5;

/**
 * Answers requests whose deadline passes while nothing is taken from their queue. What is taken is checked at that moment anyway,
 * so this only has to be roughly on time, and runs only while something with a deadline waits.
 */
export class ExpirySweep {
  readonly #expire: (at_us: number) => boolean;
  #timer: NodeJS.Timeout | undefined;

  /** `expire` ends what is too late and returns whether anything with a deadline is left. */
  constructor(expire: (at_us: number) => boolean) {
    this.#expire = expire;
  }

  watch(): void {
    this.#timer ??= setInterval(() => {
      if (!this.#expire(now_us())) this.stop();
    }, PERIOD_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
