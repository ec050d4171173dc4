import assert from 'node:assert/strict';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { readTfjsFile } from '../../runtime/model/tfjs-file.js';
import { DENSE_GRAPH, DENSE_LAYERS, writeTfjsModel } from '../harness/tfjs-models.js';
import { temporaryFolder } from './fixture-folder.js';

const SHARD = 'group1-shard2of2.bin';
/** 8 floats. */
const WEIGHT_BYTES = 32;

test('the signature of a GraphModel is what its converter wrote, the shards in their order', async (t) => {
  const path = await writeTfjsModel(await temporaryFolder(t), 'm', DENSE_GRAPH);
  const { kind, signature, shards, bytes } = readTfjsFile(path);
  assert.equal(kind, 'graph');
  assert.deepEqual(signature.inputs, [{ name: 'x', datatype: 'FP32', shape: [-1, 3], symbols: ['', ''] }]);
  assert.deepEqual(
    signature.outputs.map(({ name, datatype, shape }) => [name, datatype, shape]),
    [
      ['y', 'FP32', [-1, 2]],
      ['above', 'BOOL', [-1, 2]],
    ],
  );
  assert.deepEqual(shards, [join(dirname(path), 'group1-shard1of2.bin'), join(dirname(path), SHARD)]);
  assert.equal(bytes, JSON.stringify(DENSE_GRAPH).length + WEIGHT_BYTES);
});

test('the signature of a LayersModel follows from its layers, and its first dimension is the batch', async (t) => {
  const { kind, signature } = readTfjsFile(await writeTfjsModel(await temporaryFolder(t), 'm', DENSE_LAYERS));
  assert.equal(kind, 'layers');
  assert.deepEqual(signature, {
    inputs: [{ name: 'out_input', datatype: 'FP32', shape: [-1, 3], symbols: ['batch', ''] }],
    outputs: [{ name: 'drop', datatype: 'FP32', shape: [-1, 2], symbols: ['batch', ''] }],
  });
});

test('a shard that is missing, or not whole, is an error that names it', async (t) => {
  const path = await writeTfjsModel(await temporaryFolder(t), 'm', DENSE_GRAPH);
  await truncate(join(dirname(path), SHARD), 5);
  assert.throws(() => readTfjsFile(path), /'group1-shard2of2\.bin' have 23 bytes, model\.json describes 32/);
  await rm(join(dirname(path), SHARD));
  assert.throws(() => readTfjsFile(path), /weights 'group1-shard2of2\.bin' are missing/);
});

test('a model.json of which half was copied, or of something else, is refused with what it is', async (t) => {
  const path = await writeTfjsModel(await temporaryFolder(t), 'm', DENSE_GRAPH);
  await truncate(path, 200);
  assert.throws(() => readTfjsFile(path), /model\.json is not whole, or not JSON/);
  await writeFile(path, '{"name": "tidegate"}');
  assert.throws(() => readTfjsFile(path), /is no model of TensorFlow\.js.*modelTopology/s);
  await writeFile(path, '{"modelTopology": {}}');
  assert.throws(() => readTfjsFile(path), /neither a GraphModel nor a LayersModel/);
});

for (const dtype of ['DT_BFLOAT16', 'DT_UINT16', 'DT_HALF', 'DT_DOUBLE']) {
  test(`an input of ${dtype} is refused by its name`, async (t) => {
    const inputs = { x: { ...DENSE_GRAPH.signature.inputs.x, dtype } };
    const model = { ...DENSE_GRAPH, signature: { ...DENSE_GRAPH.signature, inputs } };
    const path = await writeTfjsModel(await temporaryFolder(t), 'm', model);
    assert.throws(
      () => readTfjsFile(path),
      new RegExp(`input 'x' has type ${dtype}, which TensorFlow.js has no kernels for: it has DT_FLOAT`),
    );
  });
}

test('without a signature the inputs are the placeholders, and the outputs the nodes that nothing follows', async (t) => {
  const { signature: _none, ...unsigned } = DENSE_GRAPH;
  const path = await writeTfjsModel(await temporaryFolder(t), 'm', unsigned);
  assert.throws(() => readTfjsFile(path), /how many dimensions input 'x_in' has: give them in model\.yaml/);
  const shapes = new Map([
    ['x_in', [-1, 3]],
    ['above', [-1, 2]],
  ]);
  const { signature } = readTfjsFile(path, shapes);
  const brief = [...signature.inputs, ...signature.outputs].map(({ name, datatype, shape }) => [name, datatype, shape]);
  assert.deepEqual(brief, [
    ['x_in', 'FP32', [-1, 3]],
    ['above', 'BOOL', [-1, 2]],
  ]);
});

test('what a signature leaves out is taken from the node that it names', async (t) => {
  const size = { dim: [{ size: '-1' }, { size: '3' }] };
  const [x, ...others] = DENSE_GRAPH.modelTopology.node;
  const node = [{ ...x, attr: { dtype: { type: 4 }, shape: { shape: size } } }, ...others];
  const outputs = { y: { name: 'relu:0', dtype: null, tensorShape: size } };
  const signature = { inputs: {}, outputs };
  const model = { ...DENSE_GRAPH, signature, modelTopology: { ...DENSE_GRAPH.modelTopology, node } };
  const read = readTfjsFile(await writeTfjsModel(await temporaryFolder(t), 'm', model)).signature;
  assert.deepEqual([read.inputs[0].datatype, read.inputs[0].shape], ['UINT8', [-1, 3]]);
  assert.equal(read.outputs[0].datatype, 'FP32');
});

test('weights outside of the directory of the version are not read', async (t) => {
  const weightsManifest = [{ ...DENSE_GRAPH.weightsManifest[0], paths: ['../../other/1/weights.bin'] }];
  const path = await writeTfjsModel(await temporaryFolder(t), 'm', { ...DENSE_GRAPH, weightsManifest });
  assert.throws(() => readTfjsFile(path), /lie outside of the version's directory/);
});

test('an output of unknown rank needs its shape from the manifest', async (t) => {
  const y = { ...DENSE_GRAPH.signature.outputs.y, tensorShape: { unknownRank: true } };
  const model = { ...DENSE_GRAPH, signature: { ...DENSE_GRAPH.signature, outputs: { y } } };
  const path = await writeTfjsModel(await temporaryFolder(t), 'm', model);
  assert.throws(() => readTfjsFile(path), /does not say how many dimensions output 'y' has/);
  assert.deepEqual(readTfjsFile(path, new Map([['y', [-1, 2]]])).signature.outputs[0].shape, [-1, 2]);
});
