import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { pythonVersion } from '../../cli/setup/python.js';
import { setupTensorflow } from '../../cli/setup/tensorflow.js';
import { tensorflowFinding } from '../../runtime/worker/backend/device-candidate.js';
import { temporaryFolder } from '../harness/checkout.js';
import { proveSavedModels } from '../harness/saved-model.js';

/** 274 MB over the network, 2 GB on the disk for a while, and a compiler. */
const isPlatform = process.platform === 'linux' && process.arch === 'x64';
const hasTools =
  (await pythonVersion('python3')) !== undefined &&
  ['g++', 'make'].every((tool) => spawnSync(tool, ['--version']).status === 0);
const skip = isPlatform && hasTools ? false : 'needs Linux on x64, Python with pip, and a C++ compiler';

test('tidegate setup tensorflow lays out what serves SavedModels', { skip }, async (t) => {
  const backends_dir = await temporaryFolder(t, 'backends');
  await setupTensorflow({ backends_dir, python: 'python3', gpu: false, say: (line) => t.diagnostic(line) });
  assert.deepEqual(tensorflowFinding(backends_dir, { exists: existsSync }).works, true);
  await proveSavedModels(t, backends_dir);
});
