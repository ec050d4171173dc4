import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { documents, idOf, resourceFiles } from '../../../cli/apply/resource-files.js';
import { temporaryFolder } from '../../harness/checkout.js';

const MODEL = 'apiVersion: tidegate/v1\nkind: Model\nmetadata: {name: flights}\nspec: {aliases: {champion: 2}}\n';
const DEPLOYMENT =
  'apiVersion: tidegate/v1\nkind: Deployment\nmetadata: {name: flights}\nspec:\n  placements:\n    - versions: [{version: 2}]\n';

test('every document of every file below a folder is read, hidden ones and others left out, with what it leaves open filled in', async (t) => {
  const folder = await temporaryFolder(t, 'apply');
  await mkdir(join(folder, 'deeper'));
  await writeFile(join(folder, 'a.yaml'), `${MODEL}---\n${DEPLOYMENT}`);
  await writeFile(
    join(folder, 'deeper', 'b.json'),
    JSON.stringify({ ...documents('x', MODEL)[0].resource, metadata: { name: 'iris' } }),
  );
  await writeFile(join(folder, '.hidden.yaml'), 'nonsense');
  await writeFile(join(folder, 'README.md'), 'nonsense');
  const found = await resourceFiles(folder);
  assert.deepEqual(
    found.map(({ resource }) => idOf(resource)),
    ['Model/flights', 'Deployment/flights', 'Model/iris'],
  );
  const [, { resource }] = found;
  assert.ok(resource.kind === 'Deployment');
  assert.deepEqual(resource.spec.placements[0], {
    selector: { labels: {} },
    replicas: 'all',
    versions: [{ version: 2, weight: 100, role: 'champion', routes: [] }],
  });
});

const WRONG: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  [
    'a typo in a key',
    DEPLOYMENT.replace('versions:', 'verions:'),
    /spec\.placements\.0.*'verions' is not known, did you mean 'versions'\?/,
  ],
  ['a typo in a kind', MODEL.replace('Model', 'Modle'), /kind 'Modle' is not known: did you mean Model\?/],
  ['another version of the format', MODEL.replace('tidegate/v1', 'tidegate/v2'), /apiVersion/],
  ['a name that is none', MODEL.replace('flights', 'Flights!'), /metadata\.name: give small letters/],
  ['an alias to nothing', MODEL.replace('champion: 2', 'champion: 0'), /spec\.aliases\.champion/],
  ['a list', '- 1\n', /must be a map with apiVersion, kind, metadata and spec/],
  ['broken YAML', 'a: [1\n', /broken\.yaml: /],
];

for (const [what, text, message] of WRONG) {
  test(`${what} is an error that says where, and what was meant`, () => {
    assert.throws(() => documents('broken.yaml', text), message);
  });
}

test('the same thing said twice is an error that names both places', async (t) => {
  const folder = await temporaryFolder(t, 'apply');
  await writeFile(join(folder, 'a.yaml'), MODEL);
  await writeFile(join(folder, 'b.yaml'), MODEL);
  await assert.rejects(resourceFiles(folder), /b\.yaml: Model\/flights is in .*a\.yaml already/);
});
