import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Placement, placementFor } from '../../../contract/desired-state.js';
import { needed_bytes, type PlaceableNode, place } from '../../../control-plane/fleet/placement.js';

const versions: Placement['versions'] = [
  { version: 1, digest: `sha256:${'1'.repeat(64)}`, weight: 100, role: 'champion', routes: [], memory_bytes: 100 },
];
const node = (name: string, more: Partial<PlaceableNode> = {}): PlaceableNode => ({
  name,
  labels: {},
  mode: 'active',
  isAvailable: true,
  memory_bytes: 1000,
  taken_bytes: 0,
  hasModel: false,
  ...more,
});
const wants = (replicas: Placement['replicas'], more: Partial<Placement> = {}): Placement => ({
  selector: { labels: {} },
  replicas,
  assigned: [],
  excluded: [],
  versions,
  ...more,
});

test('a placement needs room for its versions and for one swap', () => {
  assert.equal(needed_bytes(versions), 200);
  assert.equal(needed_bytes([...versions, { ...versions[0], version: 2, memory_bytes: 300 }]), 700);
  assert.equal(needed_bytes([]), 0);
});

test('replicas go where there is most room, stay where they are, and say what is missing and why', () => {
  const nodes = [
    node('a', { taken_bytes: 500 }),
    node('b'),
    node('c', { taken_bytes: 900 }),
    node('d', { memory_bytes: 150 }),
  ];
  const [first] = place([wants(1)], nodes);
  assert.deepEqual(first.placement.assigned, ['b']);
  const [kept] = place([wants(1, { assigned: ['a'] })], nodes);
  assert.deepEqual(kept.placement.assigned, ['a']);
  const [short] = place([wants(4)], nodes);
  assert.deepEqual([short.placement.assigned, short.missing], [['a', 'b'], 2]);
  assert.deepEqual(
    short.refused.map(({ node: name, reason }) => [name, /leave 100 of 1000|has 150 for all/.test(reason)]),
    [
      ['c', true],
      ['d', true],
    ],
  );
});

test('drained nodes give up, cordoned ones keep and take nothing new, and one that is away keeps what all should have', () => {
  const nodes = [
    node('a', { mode: 'draining', hasModel: true }),
    node('b', { mode: 'cordoned', hasModel: true }),
    node('c', { mode: 'cordoned' }),
    node('d', { isAvailable: false, hasModel: true }),
  ];
  const [all] = place([wants('all')], nodes);
  assert.deepEqual(
    [all.nodes, all.placement.excluded],
    [
      ['b', 'd'],
      ['a', 'c'],
    ],
  );
  const [some] = place([wants(3, { assigned: ['a', 'b', 'd'] })], nodes);
  assert.deepEqual([some.placement.assigned, some.missing], [['b'], 2]);
});

const someNode = fc.record({
  ring: fc.constantFrom('canary', 'stable'),
  mode: fc.constantFrom('active' as const, 'cordoned' as const, 'draining' as const, 'maintenance' as const),
  isAvailable: fc.boolean(),
  taken_bytes: fc.integer({ min: 0, max: 1000 }),
  hasModel: fc.boolean(),
});

test('nodes and control plane agree who has it, nobody gets what does not fit, and planning again changes nothing', () => {
  fc.assert(
    fc.property(fc.array(someNode, { maxLength: 8 }), fc.integer({ min: 1, max: 4 }), (list, replicas) => {
      const nodes = list.map(({ ring, ...more }, index) => node(`n${index}`, { ...more, labels: { ring } }));
      const plans = place([wants('all', { selector: { labels: { ring: 'canary' } } }), wants(replicas)], nodes);
      const placements = plans.map(({ placement }) => placement);
      const given = plans.flatMap((plan) => plan.nodes);
      const acting = nodes.filter((each) => placementFor({ placements }, each) !== undefined);
      assert.deepEqual(acting.map(({ name }) => name).sort(), given.toSorted());
      for (const each of acting)
        assert.ok(!each.isAvailable || each.hasModel || each.taken_bytes + 200 <= each.memory_bytes);
      const refused = plans.flatMap((plan) => plan.refused.map(({ node: name }) => name));
      assert.deepEqual([...given, ...refused].sort(), nodes.map(({ name }) => name).sort());
      assert.deepEqual(
        place(placements, nodes).map(({ placement }) => placement),
        placements,
      );
    }),
  );
});
