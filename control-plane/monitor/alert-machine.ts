import { z } from 'zod';
import type { MonitorSpec } from '../../contract/monitor.js';
import type { Verdict } from './rule.js';

/** Where a monitor stands. Kept with each entry of its ledger: the next one begins from here. */
export const AlertStateSchema = z.strictObject({
  v: z.literal(1),
  status: z.enum(['good', 'pending', 'firing']),
  /** Bad verdicts in a row, and good ones. */
  bad: z.number(),
  good: z.number(),
  /** Since when it has had this status. */
  since_ms: z.number(),
  /** Of the alert that fires, or fired last; 0: none did. */
  alert: z.number(),
  resolved_ms: z.number().nullable(),
  acknowledged_by: z.string().nullable(),
  silenced_until_ms: z.number().nullable(),
});
export type AlertState = z.infer<typeof AlertStateSchema>;

export const FRESH: AlertState = {
  v: 1,
  status: 'good',
  bad: 0,
  good: 0,
  since_ms: 0,
  alert: 0,
  resolved_ms: null,
  acknowledged_by: null,
  silenced_until_ms: null,
};

export type AlertEvent =
  | { readonly kind: 'evaluated'; readonly verdict: Verdict | 'error' }
  | { readonly kind: 'acknowledged'; readonly by: string }
  | { readonly kind: 'silenced'; readonly until_ms: number; readonly by: string }
  | { readonly kind: 'unsilenced'; readonly by: string };

/** What others want to know of. */
export type AlertChange = 'fired' | 'resolved';

export interface AlertStep {
  readonly state: AlertState;
  readonly change: AlertChange | undefined;
}

type Rules = Pick<MonitorSpec, 'for' | 'clear_after' | 'cool_down' | 'no_data'>;

/** (state, event) → (state, change). Times only ever come with the event. */
export function alertStep(state: AlertState, event: AlertEvent, at_ms: number, rules: Rules): AlertStep {
  switch (event.kind) {
    case 'evaluated':
      return evaluated(state, meaning(event.verdict, rules), at_ms, rules);
    case 'acknowledged':
      // Only what fires can be taken over by somebody.
      return { state: state.status === 'firing' ? { ...state, acknowledged_by: event.by } : state, change: undefined };
    case 'silenced':
      return { state: { ...state, silenced_until_ms: event.until_ms }, change: undefined };
    case 'unsilenced':
      return { state: { ...state, silenced_until_ms: null }, change: undefined };
  }
}

export function isSilenced({ silenced_until_ms }: AlertState, at_ms: number): boolean {
  return silenced_until_ms !== null && at_ms < silenced_until_ms;
}

/** No evidence is what the monitor says that it is; nothing, unless it says more. */
function meaning(verdict: Verdict | 'error', { no_data }: Rules): 'good' | 'between' | 'bad' | 'nothing' {
  if (verdict !== 'noData' && verdict !== 'error') return verdict;
  return no_data === 'fire' ? 'bad' : no_data === 'clear' ? 'good' : 'nothing';
}

function evaluated(
  before: AlertState,
  seen: 'good' | 'between' | 'bad' | 'nothing',
  at_ms: number,
  rules: Rules,
): AlertStep {
  if (seen === 'nothing') return { state: before, change: undefined };
  const state = {
    ...before,
    bad: seen === 'bad' ? before.bad + 1 : 0,
    good: seen === 'good' ? before.good + 1 : 0,
  };
  if (before.status === 'firing') {
    if (state.good < rules.clear_after) return { state, change: undefined };
    const resolved = { ...turned(state, 'good', at_ms), resolved_ms: at_ms, acknowledged_by: null };
    return { state: resolved, change: 'resolved' };
  }
  if (state.bad === 0) return { state: turned(state, 'good', at_ms), change: undefined };
  const isCooling = state.resolved_ms !== null && at_ms < state.resolved_ms + rules.cool_down;
  if (state.bad < rules.for || isCooling) return { state: turned(state, 'pending', at_ms), change: undefined };
  return { state: { ...turned(state, 'firing', at_ms), alert: state.alert + 1 }, change: 'fired' };
}

function turned(state: AlertState, status: AlertState['status'], at_ms: number): AlertState {
  return state.status === status && state.since_ms > 0 ? state : { ...state, status, since_ms: at_ms };
}
