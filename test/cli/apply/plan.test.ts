import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CurrentState, planned } from '../../../cli/apply/plan.js';
import { documents } from '../../../cli/apply/resource-files.js';
import type { Resource } from '../../../contract/resource.js';

function deployment(name: string, version: number, weight = 100): Resource {
  const text = `apiVersion: tidegate/v1\nkind: Deployment\nmetadata: {name: ${name}}\nspec: {placements: [{versions: [{version: ${version}, weight: ${weight}}]}]}\n`;
  return documents('x', text)[0].resource;
}

function model(aliases: string): Resource {
  const text = `apiVersion: tidegate/v1\nkind: Model\nmetadata: {name: flights}\nspec: {aliases: {${aliases}}}\n`;
  return documents('x', text)[0].resource;
}

function deployed(...resources: readonly Resource[]): CurrentState {
  const deployments = resources.flatMap((resource) =>
    resource.kind === 'Deployment' ? [[resource.metadata.name, { spec: resource.spec, revision: 7 }] as const] : [],
  );
  const flights = { spec: { description: '', labels: {}, aliases: { champion: 1, shadow: 3 } }, revision: 5 };
  return { environments: new Map(), models: new Map([['flights', flights]]), deployments: new Map(deployments) };
}

test('what is as it should be is left alone', () => {
  assert.deepEqual(planned([deployment('a', 1)], deployed(deployment('a', 1)), true), { changes: [], unchanged: 1 });
  assert.equal(
    planned([model('champion: 1')], deployed(), false).changes.length,
    0,
    'aliases of others are left alone',
  );
});

test('a difference is an update over the revision that was seen, with a line for each value', () => {
  const { changes } = planned([deployment('a', 2, 90)], deployed(deployment('a', 1)), false);
  assert.equal(changes.length, 1);
  const [change] = changes;
  assert.equal(change.action, 'update');
  assert.equal(change.revision, 7);
  assert.deepEqual(change.lines, [
    '~ placements[0].versions[0].version: 1 → 2',
    '~ placements[0].versions[0].weight: 100 → 90',
  ]);
});

test('what is new is created, after the aliases of models', () => {
  const { changes } = planned([deployment('b', 1), model('champion: 2')], deployed(), false);
  assert.deepEqual(
    changes.map((change) => [change.action, change.action === 'delete' ? '' : change.resource.kind]),
    [
      ['update', 'Model'],
      ['create', 'Deployment'],
    ],
  );
});

test('what no file names ends only when pruning was asked for', () => {
  const current = deployed(deployment('a', 1), deployment('b', 1));
  assert.deepEqual(planned([deployment('a', 1)], current, false).changes, []);
  const { changes } = planned([deployment('a', 1)], current, true);
  assert.deepEqual(
    changes.map((change) => (change.action === 'delete' ? change.name : '')),
    ['b'],
  );
});
