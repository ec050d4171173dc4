export interface ReconnectOptions {
  /** Longest wait before the first new attempt. */
  readonly base_ms?: number;
  /** Longest wait before any. */
  readonly max_ms?: number;
  /** Attempts in a row before the connection gives up. */
  readonly attempts?: number;
}

export const DEFAULT_RECONNECT: Required<ReconnectOptions> = {
  base_ms: 100,
  max_ms: 10_000,
  attempts: Number.POSITIVE_INFINITY,
};

/**
 * Time to wait before attempt `attempt` (from 0): exponential, and at random between nothing and that ("full jitter"), so that the
 * clients of a server that came back do not all arrive at once.
 */
export function backoff_ms(attempt: number, options: Required<ReconnectOptions>, random: number): number {
  return random * Math.min(options.max_ms, options.base_ms * 2 ** Math.min(attempt, 30));
}
