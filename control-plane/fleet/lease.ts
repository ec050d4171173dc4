/**
 * Who leads, as a pure machine over one key of a store with compare-and-set (KV `tg_lease`). Clocks are never compared between machines: a holder counts
 * its time from before it asked, everybody else from when they first saw a revision, and waits a margin longer. Clocks must only run about equally fast.
 *
 * A term is one more than the revision that it was written over, so larger than every earlier one, even if somebody deletes the key. What a leader
 * writes carries its term.
 */
export interface LeaseRecord {
  readonly holder: string;
  readonly term: number;
}

export interface LeaseTimes {
  /** How long a lease lasts without being renewed. */
  readonly lasts_ms: number;
  readonly renew_ms: number;
  /** How much longer others wait: for what a clock may run slower than another, and for a turn of the loop. */
  readonly margin_ms: number;
}

/** Another takes over within `lasts + margin` and one look at the key. */
export const LEASE_TIMES: LeaseTimes = { lasts_ms: 5_000, renew_ms: 1_500, margin_ms: 1_000 };

interface Attempt {
  readonly op: number;
  readonly term: number;
  readonly asked_ms: number;
}

export interface LeaseState {
  readonly me: string;
  /** The record as it was seen last. Revision 0: there is none. */
  readonly seen: { readonly revision: number; readonly record: LeaseRecord | undefined; readonly since_ms: number };
  readonly held: { readonly term: number; readonly until_ms: number; readonly renewed_ms: number } | undefined;
  readonly attempt: Attempt | undefined;
  readonly next_op: number;
}

export type LeaseEvent =
  | { readonly type: 'observed'; readonly revision: number; readonly record: LeaseRecord | undefined }
  | { readonly type: 'written'; readonly op: number; readonly revision: number }
  /** The record had changed, or nobody knows whether it was written: the key is to be looked at. */
  | { readonly type: 'refused'; readonly op: number }
  | { readonly type: 'tick' };

export interface LeaseEffect {
  readonly type: 'write';
  readonly op: number;
  readonly record: LeaseRecord;
  /** The write counts only if the key still has this revision. */
  readonly over: number;
}

export interface LeaseStep {
  readonly state: LeaseState;
  readonly effects: readonly LeaseEffect[];
}

export function candidate(me: string, now_ms: number): LeaseState {
  // Revision -1: nobody has looked yet, so nothing may be written.
  const seen = { revision: -1, record: undefined, since_ms: now_ms };
  return { me, seen, held: undefined, attempt: undefined, next_op: 1 };
}

/** The term under which this process may act at this moment; undefined: it does not lead. */
export function leadsUntil(state: LeaseState, now_ms: number): { readonly term: number } | undefined {
  const { held } = state;
  return held !== undefined && now_ms < held.until_ms ? { term: held.term } : undefined;
}

export function leaseStep(state: LeaseState, event: LeaseEvent, now_ms: number, times = LEASE_TIMES): LeaseStep {
  return asked(advanced(state, event, now_ms, times), now_ms, times);
}

function advanced(state: LeaseState, event: LeaseEvent, now_ms: number, times: LeaseTimes): LeaseState {
  switch (event.type) {
    case 'observed': {
      if (event.revision <= state.seen.revision) return state;
      const seen = { revision: event.revision, record: event.record, since_ms: now_ms };
      const isMine = event.record?.holder === state.me && event.record.term === state.held?.term;
      return { ...state, seen, held: isMine ? state.held : undefined };
    }
    case 'written': {
      const { attempt } = state;
      if (attempt?.op !== event.op) return state;
      const held = {
        term: attempt.term,
        until_ms: attempt.asked_ms + times.lasts_ms,
        renewed_ms: attempt.asked_ms,
      };
      if (event.revision < state.seen.revision) return { ...state, attempt: undefined };
      const record = { holder: state.me, term: attempt.term };
      return { ...state, attempt: undefined, held, seen: { revision: event.revision, record, since_ms: now_ms } };
    }
    case 'refused':
      return state.attempt?.op === event.op ? { ...state, attempt: undefined } : state;
    case 'tick': {
      const { attempt, held } = state;
      const isLate = attempt !== undefined && now_ms >= attempt.asked_ms + times.lasts_ms;
      return {
        ...state,
        attempt: isLate ? undefined : attempt,
        held: held !== undefined && now_ms >= held.until_ms ? undefined : held,
      };
    }
  }
}

function asked(state: LeaseState, now_ms: number, times: LeaseTimes): LeaseStep {
  const { seen, held, attempt, me } = state;
  if (attempt !== undefined || seen.revision < 0) return { state, effects: [] };
  const isFree = seen.record === undefined || now_ms >= seen.since_ms + times.lasts_ms + times.margin_ms;
  const isToRenew = held !== undefined && now_ms >= held.renewed_ms + times.renew_ms;
  if (held === undefined ? !isFree : !isToRenew) return { state, effects: [] };
  const term = held?.term ?? seen.revision + 1;
  const op = state.next_op;
  const write: LeaseEffect = { type: 'write', op, record: { holder: me, term }, over: seen.revision };
  return { state: { ...state, attempt: { op, term, asked_ms: now_ms }, next_op: op + 1 }, effects: [write] };
}
