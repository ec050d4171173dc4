import type { MonitorSpec } from '../../contract/monitor.js';

/** `between`: not bad any more, and not good yet. */
export type Verdict = 'good' | 'between' | 'bad' | 'noData';

/** What was seen of a window: a number and of how many rows it is, or why there is none. */
export interface Reading {
  /** undefined: there is none. */
  readonly value: number | undefined;
  readonly samples: number;
  /** Why there is no value. */
  readonly reason?: string;
}

export function judgeReading({ value, samples }: Reading, { rule, min_samples }: MonitorSpec): Verdict {
  if (value === undefined || samples < min_samples) return 'noData';
  const { above, below, clear } = rule;
  if (above !== undefined) return value >= above ? 'bad' : value > (clear ?? above) ? 'between' : 'good';
  if (below !== undefined) return value <= below ? 'bad' : value < (clear ?? below) ? 'between' : 'good';
  return 'noData';
}
