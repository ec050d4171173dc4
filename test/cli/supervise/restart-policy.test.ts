import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextRestart } from '../../../cli/supervise/restart-policy.js';

test('the first restart comes at once, each further one later, none later than half a minute', () => {
  const delays: number[] = [];
  let restarts = 0;
  for (let time = 0; time < 12; time++) {
    const next = nextRestart({ restarts, ran_ms: 10 });
    delays.push(next.delay_ms);
    restarts = next.restarts;
  }
  assert.deepEqual(delays.slice(0, 4), [250, 500, 1000, 2000]);
  assert.equal(delays.at(-1), 30_000);
  assert.deepEqual(
    delays,
    [...delays].sort((a, b) => a - b),
  );
});

test('a process that had run for a minute begins a new count, whatever was before', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.integer({ min: 60_000, max: 10_000_000 }), (restarts, ran_ms) => {
      assert.deepEqual(nextRestart({ restarts, ran_ms }), { delay_ms: 250, restarts: 1 });
    }),
  );
});
