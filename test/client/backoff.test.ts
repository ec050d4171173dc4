import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoff_ms, DEFAULT_RECONNECT } from '../../client/backoff.js';

test('waits grow to the longest one and never pass it, whatever the attempt', () => {
  fc.assert(
    fc.property(fc.nat(2000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const wait_ms = backoff_ms(attempt, DEFAULT_RECONNECT, random);
      assert.ok(wait_ms >= 0 && wait_ms <= DEFAULT_RECONNECT.max_ms);
      assert.ok(backoff_ms(attempt + 1, DEFAULT_RECONNECT, random) >= wait_ms);
    }),
  );
});
