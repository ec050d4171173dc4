/** [from, to) in milliseconds. */
export interface Span {
  readonly from_ms: number;
  readonly to_ms: number;
}

const WEEK_MS = 7 * 86_400_000;

/** Windows that stand for a reference: the one before, of the same length, and the same hours of last week. */
export const WINDOWS = ['previous', 'same-hour-last-week'] as const;

export function windowBefore({ from_ms, to_ms }: Span, reference: (typeof WINDOWS)[number]): Span {
  const back_ms = reference === 'previous' ? to_ms - from_ms : WEEK_MS;
  return { from_ms: from_ms - back_ms, to_ms: to_ms - back_ms };
}
