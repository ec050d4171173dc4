import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './world.js';

/** `SEED=17` replays one world; `SEEDS=100000` looks at more of them. */
const { SEED, SEEDS = '10000' } = process.env;

export function failureOf(seed: number): string | undefined {
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
