import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { convertModel } from '../../cli/model-tools/convert-model.js';
import { openModel } from '../../cli/model-tools/local-model.js';
import { type OptimizeMode, optimizeModel, TOLERANCES } from '../../cli/model-tools/optimize-model.js';
import { pythonVersion } from '../../cli/setup/python.js';
import { encodeOnnx } from '../../examples/onnx/graph.js';
import { NETWORKS } from '../../loadtest/gpu/networks.js';
import { sampleRows } from '../../runtime/worker/backend/sample-rows.js';
import { FIXTURES, temporaryFolder } from '../harness/checkout.js';
import { dense } from '../harness/tfjs-models.js';

/** Each makes a virtual environment first: TensorFlow's takes half a gigabyte over the network. */
const version = await pythonVersion('python3');
const skip = version === undefined ? 'needs Python with pip' : false;
const hasTensorflow = /^3\.1[0-3]/.test(version ?? '') ? false : 'needs Python 3.10 to 3.13';

test('a SavedModel becomes ONNX that answers as TensorFlow does; text and a bound that is not met are refused', {
  skip: skip || hasTensorflow,
}, async (t) => {
  const folder = await temporaryFolder(t);
  const said: string[] = [];
  const base = {
    source: join(FIXTURES, 'tensorflow', 'saved', '1'),
    signature: '',
    opset: 17,
    batch: true,
    tolerance: 1e-4,
    backends_dir: folder,
    python: 'python3',
    say: (line: string) => said.push(line),
  };
  const output = join(folder, 'mine', '1', 'model.onnx');
  await convertModel({ ...base, output });
  assert.match(said.join('\n'), /^y +\S+ +\S+ +\S+ +yes$/m);
  const { order, session } = await openModel(output);
  assert.deepEqual([order.inputs[0].name, order.inputs[0].shape, order.max_batch > 0], ['x', [-1, 3], true]);
  const data = new Uint8Array(Float32Array.of(1, 0.5, -2).buffer);
  const [y] = await session.run([{ name: 'x', datatype: 'FP32', shape: [1, 3], data }], ['y']);
  assert.ok(y.data instanceof Uint8Array);
  assert.deepEqual([...new Float32Array(new Uint8Array(y.data).buffer)], dense([1, 0.5, -2]));
  await session.release();
  const other = join(folder, 'other.onnx');
  await assert.rejects(convertModel({ ...base, output: other, signature: 'words' }), /input 't' is text/);
  await assert.rejects(convertModel({ ...base, output: other, signature: 'none' }), /no signature 'none'; it has/);
  assert.ok(!existsSync(other));
});

test('FP16 halves a model, INT8 quarters it, and one that moves too far is not kept', { skip }, async (t) => {
  const folder = await temporaryFolder(t);
  const source = join(folder, 'small.onnx');
  await writeFile(source, encodeOnnx(NETWORKS['small'].build()));
  const { order, session } = await openModel(source);
  await session.release();
  const [{ shape, data }] = sampleRows(order, 16);
  assert.ok(data instanceof Uint8Array);
  const values = [...new Float32Array(new Uint8Array(data).buffer)];
  const rows = join(folder, 'rows.jsonl');
  await writeFile(rows, JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape, data: values }] }));
  const optimize = async (mode: OptimizeMode, tolerance: number): Promise<string> => {
    const said: string[] = [];
    const output = join(folder, `${mode}.onnx`);
    const python = 'python3';
    const say = (line: string) => said.push(line);
    await optimizeModel({ source, output, mode, tolerance, rows, backends_dir: folder, python, say });
    return said.join('\n');
  };
  await assert.rejects(optimize('int8', 1e-9), /the int8 model answers too far .* was not kept/);
  assert.ok(!existsSync(join(folder, 'int8.onnx')));
  for (const mode of ['int8', 'fp16'] as const) {
    assert.match(await optimize(mode, TOLERANCES[mode]), /times as fast/);
    const made = await openModel(join(folder, `${mode}.onnx`));
    assert.equal(made.order.inputs[0].datatype, 'FP32');
    await made.session.release();
  }
});
