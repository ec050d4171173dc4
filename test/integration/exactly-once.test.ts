import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proveExactlyOnce } from '../harness/exactly-once.js';

// A short version of test/slow/exactly-once.test.ts, with the same kills in every run.
test('predictions that were acknowledged are in the log exactly once, though the runtime and the store are killed', async (t) => {
  const outcome = await proveExactlyOnce(t, { seed: 4, rounds: 4, between_ms: 800 });
  t.diagnostic(JSON.stringify(outcome));
  const { acknowledged, runtime_kills, store_kills } = outcome;
  assert.ok(acknowledged > 0 && runtime_kills > 0 && store_kills > 0, 'both were killed, and something was sent');
});
