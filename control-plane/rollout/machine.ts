import type { Placement } from '../../contract/desired-state.js';
import type { AnalysisVerdict, RolloutPolicy } from '../../contract/rollout-policy.js';
import { essence } from '../fleet/deployment.js';
import { advanced } from './advance.js';
import type { RolloutNode } from './observation.js';
import { promotedPlacements } from './plan.js';
import { type Candidate, hasEnded, type PendingWrite, type RolloutState, type RolloutStatus } from './state.js';
import { consequence, counted, liveMetrics } from './tally.js';
import { aborted, runningStatus } from './turn.js';

export type RolloutEvent =
  /** The nodes as they are seen now; also what makes time pass. */
  | { readonly type: 'observed'; readonly nodes: readonly RolloutNode[] }
  | { readonly type: 'written'; readonly op: number; readonly revision: number; readonly epoch: number }
  /** What is in the store, because a write was refused, nobody knows what became of one, or somebody else wrote. */
  | {
      readonly type: 'found';
      readonly revision: number;
      readonly epoch: number;
      readonly placements: readonly Placement[];
    }
  | { readonly type: 'measured'; readonly metric: string; readonly verdict: AnalysisVerdict; readonly because: string }
  | { readonly type: 'approved' | 'resumed' | 'promoted' | 'thawed'; readonly by: string }
  | { readonly type: 'paused' | 'aborted'; readonly by: string; readonly because: string }
  | { readonly type: 'frozen'; readonly by: string }
  | { readonly type: 'version-deleted' }
  /** Nothing of the model is deployed any more. */
  | { readonly type: 'gone' };

export type RolloutEffect =
  | ({ readonly type: 'write' } & PendingWrite)
  /** For the timeline and for whoever is told of it. */
  | { readonly type: 'tell'; readonly status: RolloutStatus; readonly step: number; readonly reason: string | null };

export interface RolloutStepped {
  readonly state: RolloutState;
  readonly effects: readonly RolloutEffect[];
}

/** The state that a rollout begins with. `planProblem` has said that it can. */
export function begun(
  what: {
    readonly name: string;
    readonly model: string;
    readonly candidate: Candidate;
    readonly policy: RolloutPolicy;
  },
  deployed: { readonly revision: number; readonly epoch: number; readonly placements: readonly Placement[] },
  now_ms: number,
): RolloutState {
  return {
    v: 1,
    ...what,
    status: 'pending',
    step: 0,
    step_since_ms: now_ms,
    phase: 'begin',
    shares: [],
    base: [...deployed.placements],
    revision: deployed.revision,
    epoch: deployed.epoch,
    written: [...deployed.placements],
    write: null,
    perhaps: [],
    next_op: 1,
    tallies: {},
    approved_by: null,
    frozen_by: null,
    reason: null,
  };
}

/**
 * (state, event) → (state, effects). The state is to be kept, over the revision that it was read at, before an effect is done: then a leader that dies in
 * between leaves a write that its successor asks for again, and of two leaders only the one that keeps its state goes on.
 */
export function rolloutStep(before: RolloutState, event: RolloutEvent, now_ms: number): RolloutStepped {
  if (hasEnded(before)) return { state: before, effects: [] };
  const state = next(before, event, now_ms);
  const isNews = state.status !== before.status || state.step !== before.step || state.reason !== before.reason;
  const effects: RolloutEffect[] = isNews
    ? [{ type: 'tell', status: state.status, step: state.step, reason: state.reason }]
    : [];
  // With each look at the nodes it is asked for again: an answer may have been lost, and over its revision it is done only once.
  const isAsked = state.write !== null && (event.type === 'observed' || event.type === 'found');
  const isNew = state.write !== null && state.write.op !== before.write?.op;
  if (state.write !== null && (isAsked || isNew)) effects.push({ type: 'write', ...state.write });
  return { state, effects };
}

function next(state: RolloutState, event: RolloutEvent, now_ms: number): RolloutState {
  switch (event.type) {
    case 'observed':
      return advanced(state, event.nodes, now_ms);
    case 'written':
      if (state.write?.op !== event.op) return state;
      return done(state, state.write.placements, event.revision, event.epoch);
    case 'found':
      return found(state, event);
    case 'measured':
      return measured(state, event, now_ms);
    case 'approved':
      return state.status === 'awaiting-approval' ? { ...state, approved_by: event.by } : state;
    case 'paused':
      if (state.status === 'aborting') return state;
      return { ...state, status: 'paused', reason: `paused by ${event.by}: ${event.because}` };
    case 'resumed':
      if (state.status !== 'paused') return state;
      // What was borne is borne again: somebody has looked at it, and said go on.
      return { ...state, status: runningStatus(state), reason: null, step_since_ms: now_ms, tallies: {} };
    case 'promoted': {
      if (state.status === 'aborting' || state.phase === 'finishing') return state;
      const last = { ...state, step: state.policy.steps.length, phase: 'begin', step_since_ms: now_ms } as const;
      return { ...last, status: 'promoting', reason: `promoted by ${event.by}` };
    }
    case 'aborted':
      return aborted(state, `aborted by ${event.by}: ${event.because}`, now_ms);
    case 'frozen':
      return { ...state, frozen_by: event.by };
    case 'thawed':
      return { ...state, frozen_by: null, step_since_ms: state.phase === 'warming' ? now_ms : state.step_since_ms };
    case 'gone': {
      const reason = 'somebody has ended the deployment: it was left as it is';
      return { ...state, status: 'failed', write: null, perhaps: [], reason };
    }
    case 'version-deleted':
      return aborted(state, `version ${state.candidate.version} was deleted`, now_ms);
  }
}

function measured(state: RolloutState, event: RolloutEvent & { type: 'measured' }, now_ms: number): RolloutState {
  const { metric: name, verdict, because } = event;
  const metric = liveMetrics(state).find((each) => each.name === name);
  if (metric === undefined) return state;
  const tally = counted(state.tallies[name], verdict);
  const tallied = { ...state, tallies: { ...state.tallies, [name]: tally } };
  const what = consequence(metric, tally);
  if (what === 'abort') return aborted(tallied, `${name}: ${because}`, now_ms);
  if (what === 'pause' && state.status !== 'paused') {
    return { ...tallied, status: 'paused', reason: `${name} is ${verdict}: ${because}` };
  }
  return tallied;
}

/** Decides what became of a write whose answer was lost, and notices when somebody else has deployed: then nothing here is its own any more. */
function found(state: RolloutState, { revision, epoch, placements }: RolloutEvent & { type: 'found' }): RolloutState {
  if (revision <= state.revision) return state;
  const is = (wanted: readonly Placement[]): boolean => same(wanted, placements);
  if (state.write !== null && is(state.write.placements)) return done(state, [...placements], revision, epoch);
  const isOwn = is(state.written) || state.perhaps.some(is);
  if (!isOwn) {
    const reason = `somebody else has deployed epoch ${epoch}: it was left as it is`;
    return { ...state, status: 'failed', write: null, perhaps: [], reason };
  }
  const write = state.write && { ...state.write, op: state.next_op, over: revision };
  return {
    ...state,
    revision,
    epoch,
    written: [...placements],
    write,
    perhaps: [],
    next_op: state.next_op + (write === null ? 0 : 1),
  };
}

function done(state: RolloutState, written: readonly Placement[], revision: number, epoch: number): RolloutState {
  const known = { ...state, written: [...written], write: null, perhaps: [], revision, epoch };
  const isEnd = state.phase === 'finishing' && same(written, promotedPlacements(state));
  return isEnd ? { ...known, status: 'promoted', reason: null } : known;
}

function same(a: readonly Placement[], b: readonly Placement[]): boolean {
  return essence({ placements: [...a] }) === essence({ placements: [...b] });
}
