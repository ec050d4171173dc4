import type { Selector } from '../../contract/desired-state.js';
import { isHeard, isSettled, type RolloutNode, remainder, trouble } from './observation.js';
import { EVERYONE, placementsWith, promotedPlacements, withShare, withWarmed } from './plan.js';
import type { RolloutState, Share } from './state.js';
import { blockingMetrics, hasPassed } from './tally.js';
import { aborted, runningStatus, writing } from './turn.js';
import { isOpen } from './window.js';

/** What a look at the nodes leads to, one change at a time. */
export function advanced(state: RolloutState, nodes: readonly RolloutNode[], now_ms: number): RolloutState {
  if (state.status === 'aborting') {
    if (state.write !== null || !isHeard(state, nodes)) return state;
    return { ...state, status: 'rolled-back' };
  }
  const why = trouble(state, nodes);
  // Also while it is paused or waits for somebody: a node that cannot have it is known before anybody approves.
  if (why !== undefined) return aborted(state, why, now_ms);
  if (state.write !== null || state.status === 'paused' || state.frozen_by !== null) return state;
  if (state.status === 'pending') {
    return isOpen(state.policy.windows, now_ms) ? { ...state, status: 'progressing', step_since_ms: now_ms } : state;
  }
  switch (state.phase) {
    case 'begin':
      return begin(state, now_ms);
    case 'warming':
      return isSettled(state, nodes) ? shared(state, now_ms) : waited(state, nodes, now_ms);
    case 'sharing':
      if (!isSettled(state, nodes)) return waited(state, nodes, now_ms);
      return isLast(state) ? finished(state) : onward(state, now_ms);
    case 'holding':
      return held(state, now_ms);
    case 'finishing':
      return state;
  }
}

function isLast({ step, policy }: RolloutState): boolean {
  return step >= policy.steps.length;
}

/** What the step gives, and to whom; after the last step that is everything to everyone. */
function shareOf({ policy, step }: RolloutState): Share | undefined {
  const current = policy.steps.at(step);
  if (step >= policy.steps.length || current === undefined) return { nodes: EVERYONE, kind: 'weight', percent: 100 };
  if ('shadow' in current) return { nodes: current.shadow.nodes, kind: 'shadow', percent: 0 };
  if ('warm' in current) return { nodes: current.warm.nodes, kind: 'warm', percent: 0 };
  return 'weight' in current ? { ...current.weight, kind: 'weight' } : undefined;
}

function begin(state: RolloutState, now_ms: number): RolloutState {
  const share = shareOf(state);
  if (share === undefined) {
    const holding = { ...state, phase: 'holding', step_since_ms: now_ms, approved_by: null } as const;
    const names = blockingMetrics(holding);
    const others = Object.entries(state.tallies).filter(([name]) => !names.includes(name));
    return { ...holding, status: runningStatus(holding), tallies: Object.fromEntries(others) };
  }
  if (!isOpen(state.policy.windows, now_ms)) return state;
  return loaded({ ...state, phase: 'warming', step_since_ms: now_ms }, share.nodes);
}

function loaded(state: RolloutState, nodes: Selector): RolloutState {
  const shares = [...withWarmed(state.shares, nodes)];
  if (shares.length === state.shares.length) return state;
  return writing({ ...state, shares }, placementsWith(state, shares));
}

/** Every node of the wave was seen with the candidate ready: only now does it get requests. */
function shared(state: RolloutState, now_ms: number): RolloutState {
  const share = shareOf(state);
  if (share === undefined || !isOpen(state.policy.windows, now_ms)) return state;
  const shares = [...withShare(state.shares, share)];
  return writing({ ...state, phase: 'sharing', step_since_ms: now_ms, shares }, placementsWith(state, shares));
}

function waited(state: RolloutState, nodes: readonly RolloutNode[], now_ms: number): RolloutState {
  const { warm_within } = state.policy;
  if (now_ms < state.step_since_ms + warm_within) return state;
  return aborted(state, `after ${warm_within / 1000} s ${remainder(state, nodes)}`, now_ms);
}

function onward(state: RolloutState, now_ms: number): RolloutState {
  const moved = { ...state, step: state.step + 1, phase: 'begin', step_since_ms: now_ms, reason: null } as const;
  return { ...moved, status: runningStatus({ ...moved, approved_by: null }) };
}

function held(state: RolloutState, now_ms: number): RolloutState {
  const current = state.policy.steps.at(state.step);
  if (current === undefined) return onward(state, now_ms);
  if ('pause' in current) {
    const isOver =
      'for' in current.pause ? now_ms >= state.step_since_ms + current.pause.for : state.approved_by !== null;
    return isOver ? onward(state, now_ms) : state;
  }
  if (!('analysis' in current)) return onward(state, now_ms);
  const { metrics, within } = current.analysis;
  if (hasPassed(state.policy, metrics, state.tallies)) return onward(state, now_ms);
  if (now_ms < state.step_since_ms + within) return state;
  const reason = `after ${within / 1000} s the analysis of ${metrics.join(', ')} has not passed`;
  return { ...state, status: 'paused', reason };
}

/** Every node that answers has the candidate: what was before may go. */
function finished(state: RolloutState): RolloutState {
  return writing({ ...state, phase: 'finishing' }, promotedPlacements(state));
}
