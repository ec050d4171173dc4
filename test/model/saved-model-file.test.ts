import assert from 'node:assert/strict';
import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { decideDevice } from '../../runtime/model/device.js';
import { readSavedModel } from '../../runtime/model/saved-model-file.js';
import { FIXTURES } from '../harness/checkout.js';
import { temporaryFolder } from './fixture-folder.js';

const TENSORFLOW = join(FIXTURES, 'tensorflow');
const SAVED = join(TENSORFLOW, 'saved', '1', 'saved_model.pb');

test('the usual signature of a SavedModel is read without TensorFlow, with its bytes', () => {
  const { signature, saved, tags, bytes } = readSavedModel(SAVED);
  assert.deepEqual(signature, {
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3], symbols: ['', ''] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2], symbols: ['', ''] }],
  });
  assert.deepEqual([saved.name, tags], ['serving_default', 'serve']);
  assert.match(saved.inputs[0].tensor, /^serving_default_x:0$/);
  assert.ok(bytes > 20_000);
});

test('another signature is read by its name, and one that is not there is refused with those that are', () => {
  const { signature } = readSavedModel(SAVED, new Map(), 'words');
  const brief = [...signature.inputs, ...signature.outputs].map(({ name, datatype, shape }) => [name, datatype, shape]);
  assert.deepEqual(brief, [
    ['n', 'INT64', [-1]],
    ['t', 'BYTES', [-1]],
    ['double', 'INT64', [-1]],
    ['odd', 'BOOL', [-1]],
    ['small', 'INT32', [-1]],
    ['upper', 'BYTES', [-1]],
  ]);
  assert.throws(() => readSavedModel(SAVED, new Map(), 'train'), /no signature 'train'; it has serving_default, words/);
});

test('the only signature is served whatever its name, and types that cannot cross are refused by theirs', () => {
  const path = join(TENSORFLOW, 'doubles', '1', 'saved_model.pb');
  assert.throws(() => readSavedModel(path), /input 'x' has type DT_DOUBLE, .*DT_FLOAT/);
});

test('a SavedModel of which half was copied is refused with what is there', async (t) => {
  const copy = join(await temporaryFolder(t), '1');
  await cp(join(TENSORFLOW, 'saved', '1'), copy, { recursive: true });
  const path = join(copy, 'saved_model.pb');
  await rm(join(copy, 'variables', 'variables.data-00000-of-00001'));
  assert.throws(() => readSavedModel(path), /variables is not whole: it holds variables\.index\. Copy/);
  const { length } = await readFile(path);
  await truncate(path, Math.floor(length / 2));
  assert.throws(() => readSavedModel(path), /is not a whole SavedModel/);
  await writeFile(path, 'no protobuf at all, by no means');
  assert.throws(() => readSavedModel(path), { code: 'MODEL_LOAD_FAILED' });
});

test('without TensorFlow a SavedModel is refused with the commands that help, and with it runs on the CPU, or on CUDA where that is laid out too', () => {
  const subject = { format: 'saved-model', bytes: 1 } as const;
  const remedy = /tidegate setup tensorflow, or convert the model with tidegate convert/;
  assert.throws(() => decideDevice('auto', subject, []), { code: 'UNSUPPORTED', message: remedy });
  const found = [{ kind: 'tensorflow', works: true, reason: '', speedup: 0, home: '/tf' }] as const;
  const { device, home } = decideDevice('auto', subject, found);
  assert.deepEqual([device, home], ['cpu', '/tf']);
  assert.throws(() => decideDevice('cuda', subject, found), { code: 'UNSUPPORTED', message: /TensorFlow with CUDA/ });
  assert.throws(() => decideDevice('webgpu', subject, found), { code: 'UNSUPPORTED', message: /cpu and cuda alone/ });
  const both = [...found, { ...found[0], kind: 'tensorflow-gpu', home: '/tf-gpu' } as const];
  assert.deepEqual(decideDevice('cuda:1', subject, both), {
    device: 'cuda:1',
    reason: 'device is cuda:1 in the manifest',
    home: '/tf-gpu',
    may_fall_back: false,
  });
});
