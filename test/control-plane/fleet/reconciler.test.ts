import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DesiredStateSchema } from '../../../contract/desired-state.js';
import { PATIENCE } from '../../../control-plane/fleet/convergence.js';
import { AT_LARGE } from '../../../control-plane/fleet/quarantine.js';
import { type FleetNode, reconcile } from '../../../control-plane/fleet/reconciler.js';

const digest = `sha256:${'a'.repeat(64)}`;
const version = { version: 1, digest, weight: 1, role: 'champion', memory_bytes: 100 };
const desired = DesiredStateSchema.parse({
  v: 1,
  epoch: 4,
  term: 2,
  note: 'kept',
  placements: [{ replicas: 2, assigned: ['a', 'b'], versions: [version] }],
});

function node(name: string, more: Partial<FleetNode> = {}, used_bytes = 100): FleetNode {
  const held = {
    version: 1,
    digest,
    state: 'ready' as const,
    reason: null,
    memory_bytes: 100,
    failures: 0,
    quarantined: false,
  };
  const versions = name === 'a' || name === 'b' ? [held] : [];
  const iris = { epoch: 4, versions, serving: versions.map((each) => each.version), trouble: null };
  const status = {
    v: 1 as const,
    node: name,
    life: 1,
    seq: 1,
    at_us: 0,
    labels: {},
    memory_bytes: 300,
    memory_used_bytes: used_bytes,
    models: { iris },
    load: [],
  };
  return { name, labels: {}, mode: 'active', status, heard_ms: 0, quarantine: AT_LARGE, ...more };
}
const look = (nodes: readonly FleetNode[], term = 2, now_ms = 1_000) => reconcile('iris', desired, nodes, term, now_ms);

test('a fleet that is as it should be is not written to', () => {
  assert.equal(look([node('a'), node('b'), node('c')]).next, undefined);
});

test('what is drained, silent or in quarantine is replaced under a new epoch, and members that nobody knows stay', () => {
  const lost: readonly (readonly [Partial<FleetNode>, number])[] = [
    [{ mode: 'draining' }, 1_000],
    [{ heard_ms: -PATIENCE.silent_ms }, 1_000],
    [{ quarantine: { strikes: 0, times: 1, until_ms: 9_000 } }, 1_000],
  ];
  for (const [why, now_ms] of lost) {
    const { next, plans } = look([node('a'), node('b', why), node('c', {}, 0)], 3, now_ms);
    assert.deepEqual(next?.placements[0].assigned, ['a', 'c']);
    assert.deepEqual([next?.epoch, next?.term, next?.['note']], [5, 3, 'kept']);
    assert.equal(plans[0].missing, 0);
  }
});

test('a leader of an earlier term writes nothing, whatever it sees', () => {
  const { next, plans } = look([node('a'), node('b', { mode: 'draining' }), node('c', {}, 0)], 1);
  assert.equal(next, undefined);
  assert.deepEqual(plans[0].nodes, ['a', 'c']);
});

test('a replica that fits nowhere is told with the reason', () => {
  const { plans } = look([node('a'), node('b', { mode: 'draining' }), node('c', {}, 250)]);
  assert.equal(plans[0].missing, 1);
  assert.match(plans[0].refused.find((each) => each.node === 'c')?.reason ?? '', /needs 200 bytes .* leave 50 of 300/);
});

test('a node whose report has expired keeps what every node should have, and gives up what another can have', () => {
  const everyone = DesiredStateSchema.parse({ v: 1, epoch: 4, placements: [{ versions: [version] }] });
  const nodes = [node('a'), node('b', { status: undefined }), node('c', {}, 0)];
  assert.equal(reconcile('iris', everyone, nodes, 2, 1_000).next, undefined);
  assert.deepEqual(look(nodes).next?.placements[0].assigned, ['a', 'c']);
});
