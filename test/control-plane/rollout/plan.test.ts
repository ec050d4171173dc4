import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Placement, PlacementSchema, versionsFor } from '../../../contract/desired-state.js';
import { RolloutPolicySchema } from '../../../contract/rollout-policy.js';
import { placementsWith, planProblem, withShare, withWarmed } from '../../../control-plane/rollout/plan.js';
import type { Share } from '../../../control-plane/rollout/state.js';
import { isOpen } from '../../../control-plane/rollout/window.js';
import { base, candidate } from '../../sim/rollout-world.js';

const policy = RolloutPolicySchema.parse({ steps: [{ warm: {} }], routes: ['next'] });
const RINGS = ['a', 'b', 'c'];

const anyShare: fc.Arbitrary<Share> = fc.record({
  nodes: fc.oneof(
    fc.constant({ labels: {} }),
    fc.subarray(RINGS, { minLength: 1 }).map((rings) => ({ labels: { ring: rings } })),
    fc.constantFrom(...RINGS).map((ring) => ({ labels: { ring } })),
  ),
  kind: fc.constantFrom('shadow', 'warm', 'weight'),
  percent: fc.double({ min: 0.01, max: 100, noNaN: true }),
});

test('whatever waves there were: what is written is a deployment, every node of it has weights of 100 in all, and keeps the old version', () => {
  fc.assert(
    fc.property(fc.array(anyShare, { maxLength: 6 }), (given) => {
      const shares = given.reduce<readonly Share[]>((all, share) => withShare(withWarmed(all, share.nodes), share), []);
      const placements = placementsWith({ base: [...base], candidate, policy }, shares);
      for (const placement of placements) PlacementSchema.parse(placement);
      for (const ring of RINGS) {
        const versions = versionsFor({ placements }, { name: 'n', labels: { ring } });
        assert.ok(versions.some(({ version }) => version === 1));
        const has = versions.find(({ version }) => version === 2);
        const last = given.findLast(({ nodes }) => [nodes.labels].every((labels) => holds(labels, ring)));
        assert.equal(has === undefined, last === undefined, 'who was named has it, nobody else');
        if (has === undefined || last === undefined) continue;
        const sum = versions.reduce((total, { role, weight }) => total + (role === 'shadow' ? 0 : weight), 0);
        assert.ok(Math.abs(sum - 100) < 1e-9);
        assert.equal(has.weight, last.kind === 'weight' ? last.percent : 0);
        assert.deepEqual(has.routes, last.kind === 'shadow' ? [] : ['next']);
      }
    }),
  );
});

function holds(labels: Readonly<Record<string, string | string[]>>, ring: string): boolean {
  return labels.ring === undefined || [labels.ring].flat().includes(ring);
}

test('a rollout of what is deployed already, of nothing, or by waves over counted replicas is refused', () => {
  const counted: Placement[] = [{ ...base[0], replicas: 2 }];
  const waves = RolloutPolicySchema.parse({ steps: [{ warm: { nodes: { labels: { ring: 'a' } } } }] });
  assert.equal(planProblem(base, candidate, policy), undefined);
  assert.match(planProblem([], candidate, policy) ?? '', /deploy a version first/);
  assert.match(planProblem(base, { ...candidate, version: 9 }, policy) ?? '', /version 9 is deployed already/);
  assert.match(planProblem(counted, candidate, waves) ?? '', /number of replicas/);
  assert.equal(planProblem(counted, candidate, policy), undefined);
});

test('a window is open by the clocks of its time zone, also over midnight and when summer time begins', () => {
  const windows = (window: object) => RolloutPolicySchema.parse({ steps: [{ warm: {} }], windows: [window] }).windows;
  const office = windows({ days: ['mon', 'fri'], from: '09:00', to: '17:00', time_zone: 'Europe/Berlin' });
  // Friday, 27 March 2026: winter time; Monday, 30 March: summer time.
  const open = ['2026-03-27T08:00:00Z', '2026-03-27T15:59:00Z', '2026-03-30T07:00:00Z'];
  const shut = ['2026-03-27T07:59:00Z', '2026-03-27T16:00:00Z', '2026-03-30T06:59:00Z', '2026-03-28T10:00:00Z'];
  for (const at of open) assert.ok(isOpen(office, Date.parse(at)), at);
  for (const at of shut) assert.ok(!isOpen(office, Date.parse(at)), at);
  const night = windows({ days: ['sun'], from: '22:00', to: '04:00' });
  assert.ok(isOpen(night, Date.parse('2026-03-30T03:59:00Z')), 'Monday morning belongs to Sunday');
  assert.ok(!isOpen(night, Date.parse('2026-03-29T03:59:00Z')), 'Sunday morning belongs to Saturday');
  assert.ok(isOpen([], 0));
});
