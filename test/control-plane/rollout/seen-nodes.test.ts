import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeStatusSchema } from '../../../contract/node-status.js';
import { seenNodes } from '../../../control-plane/rollout/seen-nodes.js';
import { candidate } from '../../sim/rollout-world.js';

const labels = { ring: 'first' };
const version = { version: 2, digest: candidate.digest, reason: null, memory_bytes: 1 };

function status(own: object) {
  const models = { m: { epoch: 7, serving: [], versions: [{ ...version, ...own }] } };
  const base = { v: 1, node: 'n', life: 1, seq: 1, at_us: 0, labels, memory_bytes: 1, memory_used_bytes: 1 };
  return NodeStatusSchema.parse({ ...base, models });
}

const known = { name: 'n', labels, mode: 'active', heard_ms: 0 } as const;

test('a node has ready what it says is ready, and nothing that is only under way', () => {
  for (const state of ['fetching', 'verifying', 'verified', 'loading', 'warming', 'draining'] as const) {
    const [seen] = seenNodes('m', [{ ...known, status: status({ state }) }], 1);
    assert.deepEqual([seen.ready, seen.failed, seen.epoch, seen.isReachable], [[], {}, 7, true], state);
  }
  const [seen] = seenNodes('m', [{ ...known, status: status({ state: 'ready' }) }], 1);
  assert.deepEqual(seen.ready, [candidate.digest]);
});

test('a version that failed is told with its reason, also while it is tried again in quarantine', () => {
  const own = { state: 'failed', reason: 'opset 99' };
  assert.deepEqual(seenNodes('m', [{ ...known, status: status(own) }], 1)[0].failed, {
    [candidate.digest]: 'opset 99',
  });
  const again = status({ state: 'loading', reason: 'opset 99', quarantined: true });
  assert.deepEqual(seenNodes('m', [{ ...known, status: again }], 1)[0].failed, { [candidate.digest]: 'opset 99' });
});

test('a node that is silent, never spoke or is in maintenance is not waited for', () => {
  const ready = status({ state: 'ready' });
  const isReachable = (own: object, now_ms: number): boolean =>
    seenNodes('m', [{ ...known, status: ready, ...own }], now_ms)[0].isReachable;
  assert.equal(isReachable({}, 14_999), true);
  assert.equal(isReachable({}, 15_000), false);
  assert.equal(isReachable({ mode: 'maintenance' }, 1), false);
  assert.equal(isReachable({ status: undefined }, 1), false);
});
