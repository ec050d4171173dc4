import { cpus } from 'node:os';

/** Above this share of its time at work, the socket thread has much to do: callers that share its cores keep it from having more. */
const BUSY = 0.5;
/** Below this idle share, the machine has no core to spare. */
const SCARCE = 0.25;
/** The shipper then works one part of its time and leaves so many to predictions. */
const PARTS = 8;
const MOST_MS = 5000;
const LOOK_EVERY_MS = 500;

export interface Pressure {
  /** Share of its time that the socket thread was at work lately. */
  readonly busy: number;
  /** Share of the time of all cores in which nothing ran. */
  readonly idle: number;
  readonly lag_bytes: number;
}

/**
 * How long to leave the machine to predictions after work of `took_ms`: where these take all of it, the log waits in the spool, and catches up when they let go. Not
 * beyond `most_bytes` of it, because then the spool would be full some time later.
 */
export function yield_ms(took_ms: number, { busy, idle, lag_bytes }: Pressure, most_bytes: number): number {
  if (lag_bytes >= most_bytes || busy < BUSY || idle >= SCARCE) return 0;
  return Math.min(MOST_MS, (PARTS - 1) * took_ms);
}

interface CoreTimes {
  readonly idle: number;
  readonly all: number;
}

/** How much of the machine nobody used lately. */
export class IdleShare {
  #before: CoreTimes = coreTimes();
  #looked_ms = performance.now();
  #share = 1;

  now(): number {
    if (performance.now() - this.#looked_ms < LOOK_EVERY_MS) return this.#share;
    const times = coreTimes();
    const all = times.all - this.#before.all;
    if (all > 0) this.#share = (times.idle - this.#before.idle) / all;
    this.#before = times;
    this.#looked_ms = performance.now();
    return this.#share;
  }
}

/** Milliseconds of all cores since the machine started. */
function coreTimes(): CoreTimes {
  const sums = { idle: 0, all: 0 };
  for (const { times } of cpus()) {
    sums.idle += times.idle;
    sums.all += times.idle + times.user + times.nice + times.sys + times.irq;
  }
  return sums;
}
