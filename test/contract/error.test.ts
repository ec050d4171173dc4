import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asTidegateError, ERROR_KINDS, TidegateError } from '../../contract/error.js';
import { DEFAULT_LIMITS, limitsContradiction } from '../../contract/limits.js';

test('every code has a status that clients of the protocol expect', () => {
  for (const [code, { http }] of Object.entries(ERROR_KINDS)) assert.ok(http >= 400 && http <= 503, code);
});

test('a stranger becomes INTERNAL and does not show its text', () => {
  const error = asTidegateError(new Error('password is hunter2'));
  assert.equal(error.code, 'INTERNAL');
  assert.doesNotMatch(error.message, /hunter2/);
  assert.match(String(error.cause), /hunter2/);
});

test('an error of ours stays as it is', () => {
  const error = new TidegateError('QUEUE_FULL', 'full', { retry_after_ms: 5 });
  assert.equal(asTidegateError(error), error);
  assert.deepEqual([error.status, error.retryable, error.reason, error.retry_after_ms], [503, true, 'REJECTED', 5]);
});

test('the default limits do not contradict each other, and a contradiction is told', () => {
  assert.equal(limitsContradiction(DEFAULT_LIMITS), undefined);
  assert.match(limitsContradiction({ ...DEFAULT_LIMITS, max_queue_bytes: 1 }) ?? '', /max_queue_bytes \(1\)/);
  assert.match(limitsContradiction({ ...DEFAULT_LIMITS, ws_max_message_bytes: 2 ** 40 }) ?? '', /ws_max_message_bytes/);
});
