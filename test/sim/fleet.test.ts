import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_FAILURES } from '../../runtime/agent/machine.js';
import { type Parts, REAL, World } from './world.js';

/** `SEED=17` replays one world; `SEEDS=100000` looks at more of them. */
const { SEED, SEEDS = '10000' } = process.env;

function failureOf(seed: number): string | undefined {
  try {
    new World(seed).run();
    return undefined;
  } catch (thrown) {
    return String(thrown);
  }
}

test('in every world: only desired versions serve, old epochs and old leaders lose, no request is without a version, all converges', () => {
  const first = SEED === undefined ? 1 : Number(SEED);
  const last = SEED === undefined ? Number(SEEDS) : first;
  let worlds = 0;
  for (let seed = first; seed <= last; seed++) {
    const failure = failureOf(seed);
    assert.equal(
      failure,
      undefined,
      `replay it with: SEED=${seed} node --test dist/test/sim/fleet.test.js\n${failure}`,
    );
    worlds++;
  }
  assert.ok(worlds > 0, 'SEED and SEEDS are numbers');
});

test('the worlds are rough: everything that can go wrong does, and in most of them something is served and swapped', () => {
  const seen = new Map<string, number>();
  const count = (what: string): void => {
    seen.set(what, (seen.get(what) ?? 0) + 1);
  };
  const terms = new Set<number>();
  const parts: Parts = {
    ...REAL,
    step: (state, event, now_ms) => {
      const next = REAL.step(state, event, now_ms);
      count(event.type === 'failed' && event.no_memory === true ? 'no memory' : event.type);
      if (event.type === 'desired' && event.epoch < state.epoch) count('an old epoch');
      if (next.state.copies.some(({ failures }) => failures >= MOST_FAILURES)) count('quarantine');
      for (const { type } of next.effects) if (type === 'switch' || type === 'cancel') count(type);
      return next;
    },
    fencedWrite: (current, term, content) => {
      terms.add(term);
      const next = REAL.fencedWrite(current, term, content);
      count(next === undefined ? 'an old leader' : 'a write');
      return next;
    },
  };
  const worlds = 300;
  for (let seed = 1; seed <= worlds; seed++) new World(seed, parts).run();
  for (const what of [
    'failed',
    'no memory',
    'lost',
    'persist-failed',
    'cancel',
    'quarantine',
    'an old epoch',
    'an old leader',
  ]) {
    assert.ok((seen.get(what) ?? 0) > 0, `never seen: ${what}, of ${JSON.stringify([...seen])}`);
  }
  assert.ok((seen.get('switch') ?? 0) > 4 * worlds, `${seen.get('switch')} switches`);
  assert.ok(terms.size > 3, 'leaders change');
});
