import type { DesiredVersion } from '../../contract/desired-state.js';
import type { ObservedModel, VersionState } from '../../contract/node-status.js';
import type { AgentEffect, AgentEvent, AgentState, AgentStep, Copy, CopyPhase } from './agent-state.js';
import { holds, previousAfter, servingTable } from './serving-table.js';

/**
 * One model on one node, as a pure machine: (state, event, time) → (state, effects).
 *
 *   fetching → verifying → loading → warming → ready → draining → unloading → gone
 *        └─────────┴──────────┴─────────┴──► failed ──► fetching, later each time
 *
 * An epoch is acted on only when it is on disk: a node that crashes can then never go back to an older one than it had acted on, whatever late message
 * it hears first. A version that fails changes nothing for requests: the table only ever names what is ready.
 */
export const MOST_FAILURES = 3;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 600_000;

export function step(state: AgentState, event: AgentEvent, now_ms: number): AgentStep {
  const effects: AgentEffect[] = [];
  const advancedTo = advanced(state, event, now_ms, effects);
  const isStart = state.reported === '';
  const mayRetry = event.type === 'tick' && state.copies.some(({ phase }) => phase === 'failed');
  if (advancedTo === state && !isStart && !mayRetry) return { state, effects };
  return { state: settled(advancedTo, event.type === 'tick', now_ms, effects), effects };
}

export function retryDelay_ms(failures: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS);
}

function advanced(state: AgentState, event: AgentEvent, now_ms: number, effects: AgentEffect[]): AgentState {
  switch (event.type) {
    case 'desired': {
      const known = Math.max(state.epoch, state.pending?.epoch ?? -1);
      if (event.epoch <= known) return state;
      return { ...state, pending: { epoch: event.epoch, versions: event.versions } };
    }
    case 'fetched':
      return moved(state, event.op, 'fetching', 'verifying', effects);
    case 'verified':
      return moved(state, event.op, 'verifying', 'loading', effects);
    case 'loaded':
      return moved(state, event.op, 'loading', 'warming', effects, { memory_bytes: event.memory_bytes });
    case 'warmed':
      return moved(state, event.op, 'warming', 'ready', effects, { failures: 0, reason: null });
    case 'drained':
      return moved(state, event.op, 'draining', 'unloading', effects);
    case 'unloaded':
      return { ...state, copies: state.copies.filter(({ op, phase }) => op !== event.op || phase !== 'unloading') };
    case 'failed': {
      const failed = failedCopies(state, ({ op, phase }) => op === event.op && phase !== 'ready', event.reason, now_ms);
      // The way back is given up before the way forward is.
      return event.no_memory === true && state.table.length > 0 ? { ...failed, previous: [] } : failed;
    }
    case 'lost':
      return failedCopies(
        state,
        ({ digest, phase }) => digest === event.digest && phase === 'ready',
        event.reason,
        now_ms,
      );
    case 'persisted':
      return event.op === state.disk.writing?.op ? onDisk(state) : state;
    case 'persist-failed':
      if (event.op !== state.disk.writing?.op) return state;
      return { ...state, disk: { ...state.disk, writing: undefined, failure: event.reason } };
    case 'tick':
      return state.disk.failure === null ? state : { ...state, disk: { ...state.disk, failure: null } };
  }
}

const WORK: Readonly<Partial<Record<CopyPhase, 'fetch' | 'verify' | 'load' | 'warm' | 'drain' | 'unload'>>> = {
  fetching: 'fetch',
  verifying: 'verify',
  loading: 'load',
  warming: 'warm',
  draining: 'drain',
  unloading: 'unload',
};

/** Puts the copy with work `op` from one phase into another, and starts the work of that one. */
function moved(
  state: AgentState,
  op: number,
  from: CopyPhase,
  to: CopyPhase,
  effects: AgentEffect[],
  changes: Partial<Copy> = {},
): AgentState {
  const copy = state.copies.find((each) => each.op === op && each.phase === from);
  return copy === undefined ? state : started(state, { ...copy, ...changes }, to, effects);
}

function started(state: AgentState, copy: Copy, phase: CopyPhase, effects: AgentEffect[]): AgentState {
  const op = state.next_op;
  const type = WORK[phase];
  if (type !== undefined) effects.push({ type, op, version: copy.version, digest: copy.digest });
  const changed = { ...copy, phase, op };
  const copies = state.copies.some(({ digest }) => digest === copy.digest)
    ? state.copies.map((each) => (each.digest === copy.digest ? changed : each))
    : [...state.copies, changed];
  return { ...state, copies, next_op: op + 1 };
}

function failedCopies(state: AgentState, which: (copy: Copy) => boolean, reason: string, now_ms: number): AgentState {
  const copies = state.copies.map((copy): Copy => {
    // What is on its way out has nothing left that could be tried again.
    if (!which(copy) || copy.phase === 'failed' || copy.phase === 'draining' || copy.phase === 'unloading') return copy;
    const failures = copy.failures + 1;
    return {
      ...copy,
      phase: 'failed',
      op: 0,
      failures,
      reason,
      retry_at_ms: now_ms + retryDelay_ms(failures),
      memory_bytes: 0,
    };
  });
  return { ...state, copies };
}

function onDisk(state: AgentState): AgentState {
  const { writing } = state.disk;
  if (writing === undefined) return state;
  const disk = { written: writing.text, writing: undefined, failure: null };
  const { pending } = state;
  if (pending === undefined || writing.epoch !== pending.epoch) return { ...state, disk };
  return { ...state, disk, epoch: pending.epoch, wanted: pending.versions, pending: undefined };
}

/** What follows from the state alone, whatever event led to it. */
function settled(before: AgentState, isTick: boolean, now_ms: number, effects: AgentEffect[]): AgentState {
  let state = switched(recalled(before), effects);
  for (const { version, digest } of [...state.wanted, ...state.previous]) {
    if (state.copies.some((copy) => copy.digest === digest)) continue;
    const fresh = { version, digest, op: 0, failures: 0, retry_at_ms: 0, reason: null, memory_bytes: 0 };
    state = started(state, { ...fresh, phase: 'fetching' }, 'fetching', effects);
  }
  for (const copy of state.copies) state = judged(state, copy, isTick, now_ms, effects);
  return reported(persisted(state, effects), effects);
}

function isNeeded({ wanted, previous, table }: AgentState, digest: string): boolean {
  return holds(wanted, digest) || holds(previous, digest) || holds(table, digest);
}

/** What is being drained and is wanted again is ready at once: it never left. */
function recalled(state: AgentState): AgentState {
  const isBack = ({ phase, digest }: Copy): boolean => phase === 'draining' && isNeeded(state, digest);
  if (!state.copies.some(isBack)) return state;
  return { ...state, copies: state.copies.map((copy) => (isBack(copy) ? { ...copy, phase: 'ready', op: 0 } : copy)) };
}

function switched(state: AgentState, effects: AgentEffect[]): AgentState {
  const table = servingTable(state);
  const isGone = ({ digest }: DesiredVersion): boolean =>
    table.length > 0 && state.copies.some((copy) => copy.digest === digest && copy.phase === 'failed');
  // While something serves, nobody goes on fetching for the way back alone.
  const previous = state.wanted.length === 0 ? [] : previousAfter(state, table).filter((each) => !isGone(each));
  if (JSON.stringify(table) === JSON.stringify(state.table)) return { ...state, previous };
  effects.push({ type: 'switch', table });
  return { ...state, table, previous };
}

function judged(state: AgentState, copy: Copy, isTick: boolean, now_ms: number, effects: AgentEffect[]): AgentState {
  const { phase, digest, version, op } = copy;
  if (isNeeded(state, digest)) {
    // A clock that went back must not make the wait longer than it ever was.
    const isDue = now_ms >= copy.retry_at_ms || copy.retry_at_ms - now_ms > retryDelay_ms(copy.failures);
    return phase === 'failed' && isTick && isDue ? started(state, copy, 'fetching', effects) : state;
  }
  if (phase === 'ready') return started(state, copy, 'draining', effects);
  if (phase !== 'fetching' && phase !== 'verifying' && phase !== 'failed') return state;
  if (phase !== 'failed') effects.push({ type: 'cancel', op, version, digest });
  return { ...state, copies: state.copies.filter((each) => each.digest !== digest) };
}

/** One write at a time, so that the disk never ends with the older of two. */
function persisted(state: AgentState, effects: AgentEffect[]): AgentState {
  const { disk, pending } = state;
  if (disk.writing !== undefined || disk.failure !== null) return state;
  const epoch = pending?.epoch ?? state.epoch;
  const wanted = [...(pending?.versions ?? state.wanted)];
  const kept = { v: 1 as const, epoch, wanted, serving: [...state.table] };
  const text = JSON.stringify(kept);
  if (epoch < 0 || text === disk.written) return state;
  const op = state.next_op;
  effects.push({ type: 'persist', op, kept });
  return { ...state, disk: { ...disk, writing: { op, text, epoch } }, next_op: op + 1 };
}

function reported(state: AgentState, effects: AgentEffect[]): AgentState {
  const text = JSON.stringify(observed(state));
  if (text === state.reported) return state;
  effects.push({ type: 'report' });
  return { ...state, reported: text };
}

const SHOWN: Readonly<Record<CopyPhase, VersionState>> = {
  fetching: 'fetching',
  verifying: 'verifying',
  loading: 'loading',
  warming: 'warming',
  ready: 'ready',
  draining: 'draining',
  unloading: 'draining',
  failed: 'failed',
};

/** What the control plane is told of it. */
export function observed(state: AgentState): ObservedModel {
  return {
    epoch: Math.max(0, state.epoch),
    versions: state.copies.map(({ version, digest, phase, reason, memory_bytes, failures }) => ({
      version,
      digest,
      state: SHOWN[phase],
      reason,
      memory_bytes,
      failures,
      quarantined: failures >= MOST_FAILURES,
    })),
    serving: state.table.map(({ version }) => version),
    trouble: state.disk.failure === null ? null : `cannot write its state to disk: ${state.disk.failure}`,
  };
}
