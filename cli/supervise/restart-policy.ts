const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 30_000;
/** A process that ran this long had started well: its next death begins a new count. */
const STEADY_MS = 60_000;

export interface Death {
  /** Restarts in a row before this one, none of which lasted. */
  readonly restarts: number;
  readonly ran_ms: number;
}

export interface Restart {
  readonly delay_ms: number;
  readonly restarts: number;
}

/** When to start a process again that ended by itself: at once at first, then ever later, never not at all. */
export function nextRestart({ restarts, ran_ms }: Death): Restart {
  const count = ran_ms >= STEADY_MS ? 0 : restarts;
  return { delay_ms: Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(count, 20)), restarts: count + 1 };
}
