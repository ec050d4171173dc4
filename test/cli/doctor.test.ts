import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { cudaLibraries, deviceFinding, nodeFinding } from '../../cli/doctor/examine.js';
import { readWheelSet } from '../../cli/setup/wheels.js';
import { SERVING_MODELS, temporaryFolder } from '../harness/checkout.js';
import { tidegate } from './command.js';

test('doctor runs a session, names what is missing with its remedy, and explains the threads of each model', async (t) => {
  const folder = await temporaryFolder(t);
  const args = ['doctor', '--backends-dir', folder, '--models', SERVING_MODELS, '--workers', '2'];
  const { code, stdout, stderr } = await tidegate(args);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Node\.js +works/m);
  assert.match(stdout, /^ONNX Runtime +works +on the CPU, the probe took [\d.]+ ms/m);
  assert.match(stdout, /^CUDA's libraries +missing .*tidegate setup cuda$/m);
  assert.match(stdout, /2 batches at a time/);
  assert.match(stdout, /^scale +cpu +2 +1 .*is over before a second thread has begun$/m);
});

test('libraries of CUDA are whole, broken, or of another version', async (t) => {
  const folder = await temporaryFolder(t);
  assert.equal((await cudaLibraries(folder)).state, 'missing');
  const lib = join(folder, 'cuda', 'lib');
  await mkdir(lib, { recursive: true });
  assert.match((await cudaLibraries(folder)).found, /is not whole/);
  const { wheels } = readWheelSet('cuda');
  const note = (value: object) => writeFile(join(folder, 'cuda', 'laid-out.json'), JSON.stringify(value));
  const libraries = ['libcublas.so.13', 'libcudnn.so.9'];
  await note({ wheels, libraries });
  await writeFile(join(lib, 'libcublas.so.13'), '');
  assert.deepEqual(await cudaLibraries(folder).then(({ state, found }) => [state, found]), [
    'broken',
    'without libcudnn.so.9',
  ]);
  await writeFile(join(lib, 'libcudnn.so.9'), '');
  assert.equal((await cudaLibraries(folder)).state, 'works');
  await note({ wheels: wheels.slice(1), libraries });
  assert.match((await cudaLibraries(folder)).found, /of another version: onnxruntime-gpu/);
});

test('each reason that a device gives has its remedy', () => {
  const missing = (kind: 'cuda' | 'webgpu', reason: string) =>
    deviceFinding({ kind, works: false, reason, speedup: 0, home: '' }).remedy;
  assert.match(missing('cuda', 'libcuda.so.1: cannot open shared object file'), /NVIDIA's driver, 580/);
  assert.match(missing('cuda', 'CUDA failure 100: no CUDA-capable device is detected'), /start it with the GPU/);
  assert.equal(missing('cuda', 'its libraries are not installed: tidegate setup cuda'), 'tidegate setup cuda');
  assert.match(missing('webgpu', 'Failed to get a WebGPU adapter'), /Vulkan/);
  assert.equal(nodeFinding('18.20.0').state, 'broken');
});
