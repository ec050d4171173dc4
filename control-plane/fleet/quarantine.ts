import type { NodeVerdict } from './convergence.js';

/** A node that goes on reporting what no right agent would report is given nothing new until it has been right for a while. */
export interface Quarantine {
  /** Divergent looks in a row. */
  readonly strikes: number;
  /** How often it has been in quarantine: each lasts twice as long as the one before. */
  readonly times: number;
  /** Null: it is not in quarantine. */
  readonly until_ms: number | null;
}

export const AT_LARGE: Quarantine = { strikes: 0, times: 0, until_ms: null };
export const MOST_STRIKES = 3;
const FIRST_MS = 60_000;
const LONGEST_MS = 3_600_000;

/** One look: a single divergent report may be one that crossed a change on its way, so only several in a row count. */
export function quarantineStep(state: Quarantine, verdict: NodeVerdict, now_ms: number): Quarantine {
  if (verdict === 'diverged') {
    const strikes = state.strikes + 1;
    if (strikes < MOST_STRIKES) return { ...state, strikes };
    const lasts_ms = Math.min(FIRST_MS * 2 ** state.times, LONGEST_MS);
    return { strikes: 0, times: state.times + 1, until_ms: now_ms + lasts_ms };
  }
  // Silence proves nothing.
  if (verdict === 'unreachable' || verdict === 'maintenance') return state;
  const isOver = state.until_ms !== null && now_ms >= state.until_ms;
  return { ...state, strikes: 0, until_ms: isOver ? null : state.until_ms };
}
