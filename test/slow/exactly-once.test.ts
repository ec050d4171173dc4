import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proveExactlyOnce } from '../harness/exactly-once.js';

const ROUNDS = 40;
const seed = Number(process.env['EXACTLY_ONCE_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

test('predictions that were acknowledged are in the log exactly once, however often the runtime and the store are killed', async (t) => {
  t.diagnostic(`to replay: EXACTLY_ONCE_SEED=${seed} npm run test:slow -- slow/exactly-once`);
  const outcome = await proveExactlyOnce(t, { seed, rounds: ROUNDS, between_ms: 2500 });
  t.diagnostic(JSON.stringify(outcome));
  const { acknowledged, runtime_kills, store_kills } = outcome;
  assert.ok(acknowledged > 0 && runtime_kills > 0 && store_kills > 0, 'both were killed, and something was sent');
});
