import type { Placement } from '../../contract/desired-state.js';
import type { RolloutState, RolloutStatus } from './state.js';

/** What it is when nothing holds it up. */
export function runningStatus({ policy, step, phase, approved_by }: RolloutState): RolloutStatus {
  const current = policy.steps.at(step);
  if (step >= policy.steps.length || current === undefined) return 'promoting';
  const isAwaited = 'pause' in current && 'until' in current.pause && phase === 'holding' && approved_by === null;
  return isAwaited ? 'awaiting-approval' : 'progressing';
}

/** Decides a write. One that nobody answered for may have been done all the same: that is remembered until it is known. */
export function writing(state: RolloutState, placements: readonly Placement[]): RolloutState {
  const { write, perhaps, next_op, revision, written } = state;
  return {
    ...state,
    write: { op: next_op, over: revision, placements: placements.map((each) => placed(each, written)) },
    perhaps: write === null ? perhaps : [...perhaps, write.placements],
    next_op: next_op + 1,
  };
}

/** The way back: to what was deployed before, which every node still has in memory. */
export function aborted(state: RolloutState, reason: string, now_ms: number): RolloutState {
  if (state.status === 'aborting') return state;
  const back: RolloutState = {
    ...state,
    status: 'aborting',
    phase: 'holding',
    step_since_ms: now_ms,
    shares: [],
    reason,
  };
  const wasNeverWritten = state.shares.length === 0 && state.write === null && state.perhaps.length === 0;
  return wasNeverWritten ? { ...back, status: 'rolled-back' } : writing(back, state.base);
}

/** Which nodes were chosen or left out meanwhile is not for a rollout to undo. */
function placed(placement: Placement, written: readonly Placement[]): Placement {
  const same = JSON.stringify(placement.selector.labels);
  const now = written.find(({ selector }) => JSON.stringify(selector.labels) === same);
  return now === undefined ? placement : { ...placement, assigned: now.assigned, excluded: now.excluded };
}
