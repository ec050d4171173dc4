import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rolloutStep } from '../../control-plane/rollout/machine.js';
import { candidate, RolloutWorld } from './rollout-world.js';

function ended(seed: number, turns: number, step = rolloutStep): RolloutWorld {
  const world = new RolloutWorld(seed, step);
  world.chaos(turns);
  world.settle();
  world.checkEnd();
  return world;
}

test('any interleaving of events, crashes, lost and repeated messages and two leaders ends promoted or rolled back', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 400 }), (seed, turns) => {
      ended(seed, turns);
    }),
    { numRuns: 500 },
  );
});

test('the same seed gives the same world, and seeds reach every end', () => {
  const ends = new Set<string>();
  for (let seed = 0; seed < 150; seed++) {
    const { kept } = ended(seed, 150);
    ends.add(kept.state.status);
    if (seed < 10) assert.deepEqual(ended(seed, 150).kept, kept);
  }
  assert.deepEqual([...ends].sort(), ['failed', 'promoted', 'rolled-back']);
});

type Step = typeof rolloutStep;
const mutants: Readonly<Record<string, { readonly step: Step; readonly caught: RegExp }>> = {
  'gives requests to nodes that nobody looked at': {
    step: (state, event, now_ms) => {
      if (event.type !== 'observed') return rolloutStep(state, event, now_ms);
      const nodes = event.nodes.map((node) => ({ ...node, epoch: 1e9, ready: [...node.ready, candidate.digest] }));
      return rolloutStep(state, { type: 'observed', nodes }, now_ms);
    },
    caught: /before it was ready/,
  },
  'forgets the writes that it gave up': {
    step: (state, event, now_ms) => {
      const { state: after, effects } = rolloutStep(state, event, now_ms);
      return { state: { ...after, perhaps: [] }, effects };
    },
    caught: /ended as failed/,
  },
  'takes what somebody else has deployed for its own': {
    step: (state, event, now_ms) =>
      rolloutStep(state, event.type === 'found' ? { ...event, placements: state.written } : event, now_ms),
    caught: /what somebody else has deployed stays/,
  },
  'does not ask again for a write that was lost': {
    step: (state, event, now_ms) => {
      const { state: after, effects } = rolloutStep(state, event, now_ms);
      return { state: after, effects: effects.filter((each) => each.type !== 'write' || each.op !== state.write?.op) };
    },
    caught: /ended as/,
  },
};

for (const [name, { step, caught }] of Object.entries(mutants)) {
  test(`the world notices a machine that ${name}`, () => {
    const complaints: string[] = [];
    for (let seed = 0; seed < 150; seed++) {
      try {
        ended(seed, 200, step);
      } catch (error) {
        complaints.push(error instanceof Error ? error.message : String(error));
      }
    }
    assert.match(complaints.join('\n'), caught);
  });
}
