import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseEvent } from '../../control-plane/fleet/lease.js';
import type { AgentEvent, AgentState, AgentStep } from '../../runtime/agent/agent-state.js';
import { type Parts, REAL, World } from './world.js';

/**
 * A simulation that cannot fail proves nothing. Each of these worlds has one part that is wrong in a way in which such parts have been wrong before, and
 * must be caught, by the invariant that is there for it.
 */
const MOST_SEEDS = 1_500;

function caught(parts: Partial<Parts>): string {
  for (let seed = 1; seed <= MOST_SEEDS; seed++) {
    try {
      new World(seed, { ...REAL, ...parts }).run();
    } catch (thrown) {
      return String(thrown);
    }
  }
  return `nothing, in ${MOST_SEEDS} worlds`;
}

type AgentMutation = (state: AgentState, event: AgentEvent, now_ms: number) => AgentStep;

const AGENTS: Readonly<Record<string, readonly [AgentMutation, RegExp]>> = {
  'takes whatever epoch it hears last': [
    (state, event, now_ms) => {
      const isOld = event.type === 'desired' && event.epoch < state.epoch;
      return REAL.step(isOld ? { ...state, epoch: -1, pending: undefined } : state, event, now_ms);
    },
    /an old epoch never wins/,
  ],
  'acts on an epoch before it is on disk': [
    (state, event, now_ms) => {
      const first = REAL.step(state, event, now_ms);
      const { pending } = first.state;
      if (pending === undefined) return first;
      const hasty = { ...first.state, epoch: pending.epoch, wanted: pending.versions, pending: undefined };
      const second = REAL.step(hasty, { type: 'lost', digest: '', reason: '' }, now_ms);
      return { state: second.state, effects: [...first.effects, ...second.effects] };
    },
    /an old epoch never wins/,
  ],
  'stops the old version before the new one is ready': [
    (state, event, now_ms) => {
      const next = REAL.step(state, event, now_ms);
      const isNew = next.state.epoch !== state.epoch && next.state.wanted.length > 0;
      return isNew ? { ...next, state: { ...next.state, table: [] } } : next;
    },
    /no request without a version/,
  ],
  'takes a failed load for a loaded version': [
    (state, event, now_ms) => {
      const loading = state.copies.some(
        ({ op, phase }) => event.type === 'failed' && phase === 'loading' && op === event.op,
      );
      if (!loading || event.type !== 'failed') return REAL.step(state, event, now_ms);
      return REAL.step(state, { type: 'loaded', op: event.op, memory_bytes: 1 }, now_ms);
    },
    /only what is in memory serves/,
  ],
  'serves bytes that nobody named': [
    (state, event, now_ms) => {
      const next = REAL.step(state, event, now_ms);
      const table = [...next.state.table, ...next.state.previous].map((each) => ({
        ...each,
        digest: `${each.digest}0`,
      }));
      return { ...next, state: { ...next.state, table } };
    },
    /only what was desired serves/,
  ],
  'never switches to what is ready': [
    (state, event, now_ms) => {
      const next = REAL.step(state, event, now_ms);
      const isSwap = state.table.length > 0 && next.state.table.length > 0;
      return isSwap ? { ...next, state: { ...next.state, table: state.table } } : next;
    },
    /a right agent is never called divergent/,
  ],
  'never tries again': [
    (state, event, now_ms) => (event.type === 'tick' ? { state, effects: [] } : REAL.step(state, event, now_ms)),
    /converges after healing/,
  ],
  'keeps the way back at any price': [
    (state, event, now_ms) =>
      REAL.step(state, event.type === 'failed' ? { ...event, no_memory: false } : event, now_ms),
    /converges after healing/,
  ],
  'never unloads': [
    (state, event, now_ms) => {
      const next = REAL.step(state, event, now_ms);
      const copies = next.state.copies.filter(({ phase }) => phase !== 'draining');
      return { state: { ...next.state, copies }, effects: next.effects.filter(({ type }) => type !== 'drain') };
    },
    /converges after healing: .* in memory/,
  ],
  'forgets to switch when it has started again': [
    (state, event, now_ms) => {
      const next = REAL.step(state, event, now_ms);
      const isFirst = state.table.length === 0 && state.epoch > 0;
      return isFirst && next.state.table.length > 0 ? { ...next, state: { ...next.state, table: [] } } : next;
    },
    /converges after healing/,
  ],
};

for (const [what, [step, invariant]] of Object.entries(AGENTS)) {
  test(`an agent that ${what} is caught`, () => assert.match(caught({ step }), invariant));
}

test('a candidate that takes a refusal for a lease is caught', () => {
  const leaseStep: Parts['leaseStep'] = (state, event, now_ms, times) => {
    const taken: LeaseEvent =
      event.type === 'refused' ? { type: 'written', op: event.op, revision: state.seen.revision + 1 } : event;
    return REAL.leaseStep(state, taken, now_ms, times);
  };
  assert.match(caught({ leaseStep }), /one leader at a time/);
});

test('a holder that counts its time from the answer and not from the question is caught', () => {
  const leaseStep: Parts['leaseStep'] = (state, event, now_ms, times) => {
    const { attempt } = state;
    const isAnswer = event.type === 'written' && attempt?.op === event.op;
    const late = isAnswer ? { ...state, attempt: { ...attempt, asked_ms: now_ms } } : state;
    return REAL.leaseStep(late, event, now_ms, times);
  };
  assert.match(caught({ leaseStep }), /one leader at a time/);
});

test('a candidate that does not wait for the lease to end is caught', () => {
  const leaseStep: Parts['leaseStep'] = (state, event, now_ms, times) =>
    REAL.leaseStep({ ...state, seen: { ...state.seen, since_ms: state.seen.since_ms - 4_000 } }, event, now_ms, times);
  assert.match(caught({ leaseStep }), /one leader at a time/);
});

test('a leader that does not look at the term of what it replaces is caught', () => {
  const fencedWrite: Parts['fencedWrite'] = (current, term, content) =>
    REAL.fencedWrite(current === undefined ? undefined : { ...current, term: 0 }, term, content);
  assert.match(caught({ fencedWrite }), /an old leader never writes/);
});

test('a leader that does not count epochs is caught', () => {
  const fencedWrite: Parts['fencedWrite'] = (current, term, content) => {
    const next = REAL.fencedWrite(current, term, content);
    return next === undefined ? undefined : { ...next, epoch: 1 };
  };
  assert.match(caught({ fencedWrite }), /epochs grow/);
});
