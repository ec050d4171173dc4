import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogLimit } from '../../std/log-limit.js';

test('a key is admitted once an interval, and the next time says how many were held back', () => {
  let clock_ms = 0;
  const limit = new LogLimit(1000, () => clock_ms);
  assert.deepEqual(
    [limit.admit('a'), limit.admit('a'), limit.admit('b'), limit.admit('a')],
    [0, undefined, 0, undefined],
  );
  clock_ms = 999;
  assert.equal(limit.admit('a'), undefined);
  clock_ms = 1000;
  assert.deepEqual([limit.admit('a'), limit.admit('a'), limit.admit('b')], [3, undefined, 0]);
});

test('however many keys there are, some hundred are remembered', () => {
  const limit = new LogLimit(1000, () => 0);
  for (let key = 0; key < 10_000; key++) assert.equal(limit.admit(String(key)), 0);
  assert.equal(limit.admit('9999'), undefined);
  assert.equal(limit.admit('0'), 0, 'the oldest was forgotten');
});
