import { now_us } from '../../std/clock.js';
import { Histogram } from './histogram.js';

/** Bounds in microseconds. A timer is exact to a millisecond, so nothing finer would mean anything. */
const BUCKETS_US: readonly number[] = [
  1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
];
const EVERY_MS = 20;

/**
 * How late timers of the socket thread run: what every caller waits in addition while something holds the thread. A histogram that
 * only grows, so that several scrapers see the same; `monitorEventLoopDelay` would have to be reset, and counts its own interval in.
 */
export class EventLoopDelay {
  readonly histogram = new Histogram(BUCKETS_US);
  readonly #now_us: () => number;
  #due_us = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock_us: () => number = now_us) {
    this.#now_us = clock_us;
  }

  start(): void {
    this.#due_us = this.#now_us() + EVERY_MS * 1000;
    this.#timer = setInterval(() => this.tick(), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The timer ran. */
  tick(): void {
    const at_us = this.#now_us();
    this.histogram.record(Math.max(0, at_us - this.#due_us));
    this.#due_us = at_us + EVERY_MS * 1000;
  }
}
