import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ArtifactManifestSchema, manifestBytes, pathProblem } from '../../contract/artifact.js';

const digest = `sha256:${'a'.repeat(64)}`;
const file = (path: string) => ({ path, size: 1, digest });

test('paths that lead elsewhere, or mean something else on another system, are refused', () => {
  const wrong = [
    '',
    '/a',
    'a/',
    'a//b',
    '../a',
    'a/../b',
    './a',
    'a\\b',
    'C:/a',
    'a\0',
    'a\nb',
    '.git/config',
    'a.',
    'a ',
    'ä',
  ];
  for (const path of wrong) assert.notEqual(pathProblem(path), undefined, JSON.stringify(path));
  for (const path of ['model.onnx', 'a/b-c_d.bin', 'variables/variables.data-00000-of-00001', 'a b (1).txt']) {
    assert.equal(pathProblem(path), undefined, path);
  }
});

test('the bytes of a manifest do not depend on the order in which its files were found', () => {
  const paths = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}(\/[a-z0-9]{1,3}){0,2}$/), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(paths, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (list, draws) => {
      const shuffled = list
        .map((path) => [draws.next().value, path] as const)
        .sort((a, b) => Number(a[0]) - Number(b[0]));
      const one = manifestBytes(list.map(file));
      assert.deepEqual(manifestBytes(shuffled.map(([, path]) => file(path))), one);
      ArtifactManifestSchema.parse(JSON.parse(new TextDecoder().decode(one)));
    }),
  );
});

test('two names that some file systems take for one are refused', () => {
  assert.throws(() => manifestBytes([file('Model.onnx'), file('model.onnx')]), /the same file on some systems/);
  assert.throws(() => manifestBytes([file('a'), file('a')]), /not sorted|the same file/);
});
