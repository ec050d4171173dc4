import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RespawnPolicy } from '../../runtime/worker/respawn-policy.js';

test('a thread that died comes back soon, the next one later, the third within a minute not at all', () => {
  const policy = new RespawnPolicy();
  assert.deepEqual(
    [policy.next(1, true, 0), policy.next(1, true, 1000), policy.next(1, true, 2000)],
    [10, 20, undefined],
  );
});

test('one that dies while it boots waits longer, and is given up as well', () => {
  const policy = new RespawnPolicy();
  assert.deepEqual(
    [policy.next(1, false, 0), policy.next(1, false, 10), policy.next(1, false, 20)],
    [500, 1000, undefined],
  );
});

test('deaths that lie more than a minute apart do not add up, and versions are judged apart', () => {
  const policy = new RespawnPolicy();
  for (let at_ms = 0; at_ms < 600_000; at_ms += 40_000) assert.notEqual(policy.next(1, true, at_ms), undefined);
  policy.next(2, true, 0);
  policy.next(3, true, 1);
  assert.equal(policy.next(2, true, 2), 20);
});
