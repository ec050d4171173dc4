import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tidegate } from '../cli/command.js';
import { ask, floats, repositoryIndex } from '../harness/ask.js';
import { FIXTURES, modelFolder, temporaryFolder } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';
import { proveSavedModels } from '../harness/saved-model.js';
import { dense } from '../harness/tfjs-models.js';

const BACKENDS = process.env['TIDEGATE_BACKENDS_DIR'] ?? '';
const hasTensorflow = BACKENDS !== '' && existsSync(join(BACKENDS, 'tensorflow', 'laid-out.json'));

test('without TensorFlow a SavedModel is refused with the remedy, and the others are served', async (t) => {
  const folder = await modelFolder(t, ['scale']);
  await cp(join(FIXTURES, 'tensorflow', 'saved'), join(folder, 'saved'), { recursive: true });
  const { url } = await startRuntime(t, folder, { backends_dir: await temporaryFolder(t) });
  const saved = (await repositoryIndex(url)).find(({ name }) => name === 'saved');
  assert.equal(saved?.state, 'UNAVAILABLE');
  assert.match(
    saved?.reason ?? '',
    /it is not installed: tidegate setup tensorflow, or convert the model with tidegate convert$/,
  );
  assert.deepEqual((await ask(url, 'scale', [floats('x', [[1, 2, 3, 4]])])).outputs.y, [3, 6, 9, 12]);
});

test('tidegate check refuses a SavedModel where TensorFlow is not laid out, with the remedy', async (t) => {
  const env = { TIDEGATE_BACKENDS_DIR: await temporaryFolder(t) };
  const { code, stderr } = await tidegate(['check', join(FIXTURES, 'tensorflow', 'saved', '1')], { env });
  assert.equal(code, 1);
  assert.match(stderr, /tidegate setup tensorflow, or convert the model/);
});

test(
  'SavedModels answer by each signature, alone and in batches, with 64 bits and text as they are',
  {
    skip: hasTensorflow ? false : 'needs tidegate setup tensorflow, and TIDEGATE_BACKENDS_DIR where it has laid it out',
  },
  (t) => proveSavedModels(t, BACKENDS),
);

const hasGpuBuild = BACKENDS !== '' && existsSync(join(BACKENDS, 'tensorflow-gpu', 'laid-out.json'));

test('TensorFlow with CUDA answers on its GPU, or refuses the model where there is none, and the others are served', {
  skip: hasGpuBuild
    ? false
    : 'needs tidegate setup tensorflow --gpu, and TIDEGATE_BACKENDS_DIR where it has laid it out',
}, async (t) => {
  const folder = await modelFolder(t, ['scale']);
  await cp(join(FIXTURES, 'tensorflow', 'saved'), join(folder, 'saved'), { recursive: true });
  await writeFile(join(folder, 'saved', 'model.yaml'), 'device: cuda\n');
  const { url } = await startRuntime(t, folder, { backends_dir: BACKENDS });
  const saved = (await repositoryIndex(url)).find(({ name }) => name === 'saved');
  if (saved?.state === 'READY')
    assert.deepEqual((await ask(url, 'saved', [floats('x', [[1, 0.5, -2]])])).outputs.y, dense([1, 0.5, -2]));
  else assert.match(saved?.reason ?? '', /does not load on cuda: TensorFlow found no GPU that it can use/);
  assert.deepEqual((await ask(url, 'scale', [floats('x', [[1, 2, 3, 4]])])).outputs.y, [3, 6, 9, 12]);
});
