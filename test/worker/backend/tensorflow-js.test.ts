import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { readTfjsFile } from '../../../runtime/model/tfjs-file.js';
import type { BackendSession, BackendTensor } from '../../../runtime/worker/backend/backend.js';
import { tensorflowJsBackend } from '../../../runtime/worker/backend/tensorflow-js.js';
import type { LoadOrder } from '../../../runtime/worker/messages.js';
import { type Cleanup, temporaryFolder } from '../../harness/checkout.js';
import { DENSE_GRAPH, DENSE_LAYERS, dense, echoGraph, WHERE_GRAPH, writeTfjsModel } from '../../harness/tfjs-models.js';

async function load(t: Cleanup, model: object): Promise<{ session: BackendSession; order: LoadOrder }> {
  const artefact = await writeTfjsModel(await temporaryFolder(t), 'm', model);
  const { signature, bytes } = readTfjsFile(artefact);
  const order: LoadOrder = {
    handle: 1,
    model: 'm',
    version: 1,
    format: 'tensorflowjs',
    artefact,
    artefact_bytes: bytes,
    signature: '',
    max_batch: 0,
    device: 'cpu',
    device_home: '',
    may_fall_back: false,
    threads: 1,
    warmup: true,
    inputs: signature.inputs.map((spec) => ({ ...spec, batch_axis: -1 })),
    states: [],
    constants: [],
    outputs: signature.outputs.map((spec) => ({ ...spec, batch_axis: -1 })),
  };
  return { session: await tensorflowJsBackend.load(order, () => undefined), order };
}

async function run(
  { session, order }: { session: BackendSession; order: LoadOrder },
  rows: readonly (readonly number[])[],
): Promise<readonly BackendTensor[]> {
  const { name } = order.inputs[0];
  const data = new Uint8Array(new Float32Array(rows.flat()).buffer);
  return session.run(
    [{ name, datatype: 'FP32', shape: [rows.length, 3], data }],
    order.outputs.map((output) => output.name),
  );
}

function numbers({ data }: BackendTensor): Float32Array {
  assert.ok(data instanceof Uint8Array);
  return new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
}

const element = fc.integer({ min: -1000, max: 1000 }).map((value) => value / 16);
const rowsOf = fc.array(fc.tuple(element, element, element), { minLength: 1, maxLength: 40 });

for (const [kind, model] of [
  ['GraphModel', DENSE_GRAPH],
  ['LayersModel', DENSE_LAYERS],
] as const) {
  test(`a ${kind} gives each row what it gives it alone, and what the arithmetic says`, async (t) => {
    const loaded = await load(t, model);
    await fc.assert(
      fc.asyncProperty(rowsOf, async (rows) => {
        const together = numbers((await run(loaded, rows))[0]);
        assert.deepEqual([...together], rows.flatMap(dense));
        for (const [index, row] of rows.entries()) {
          const alone = numbers((await run(loaded, [row]))[0]);
          assert.deepEqual([...alone], [...together.subarray(index * 2, index * 2 + 2)]);
        }
      }),
      { numRuns: 30 },
    );
    await loaded.session.release();
  });

  test(`a thousand runs of a ${kind}, and failed ones, leave no tensor behind; its release frees the weights`, async (t) => {
    // The kernels start with the first model of a thread.
    const before = await load(t, model);
    const loaded = await load(t, model);
    await run(loaded, [[1, 2, 3]]);
    const { numTensors, numBytes } = tf.memory();
    for (let count = 0; count < 1000; count++) await run(loaded, [[count, 2, 3]]);
    await assert.rejects(async () =>
      loaded.session.run([{ name: 'none', datatype: 'FP32', shape: [1, 5], data: new Uint8Array(20) }], ['y']),
    );
    assert.deepEqual([tf.memory().numTensors, tf.memory().numBytes], [numTensors, numBytes]);
    await loaded.session.release();
    await before.session.release();
    assert.ok(tf.memory().numTensors <= numTensors - 4, `${tf.memory().numTensors} of ${numTensors} are left`);
  });
}

test('a graph whose results may have any size runs asynchronously, and leaves no tensor behind', async (t) => {
  const { session } = await load(t, WHERE_GRAPH);
  const x: BackendTensor = { name: 'x', datatype: 'BOOL', shape: [5], data: Uint8Array.of(0, 1, 0, 1, 1) };
  const answers = async () => {
    const [{ shape, datatype, data }] = await session.run([x], ['at']);
    assert.ok(data instanceof Uint8Array);
    assert.deepEqual([shape, datatype], [[3, 1], 'INT32']);
    assert.deepEqual(
      [...new Int32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength))],
      [1, 3, 4],
    );
  };
  await answers();
  const { numTensors } = tf.memory();
  for (let count = 0; count < 100; count++) await answers();
  assert.equal(tf.memory().numTensors, numTensors);
  await session.release();
});

test('a bool output crosses as one byte an element', async (t) => {
  const loaded = await load(t, DENSE_GRAPH);
  const [, above] = await run(loaded, [[1, 0, 0]]);
  assert.equal(above.datatype, 'BOOL');
  assert.deepEqual(above.data, Uint8Array.of(1, 0));
  await loaded.session.release();
});

for (const [dtype, datatype, data] of [
  ['DT_INT64', 'INT64', new Uint8Array(BigInt64Array.of(-5n, 0n, 2n ** 31n - 1n).buffer)],
  ['DT_UINT8', 'UINT8', Uint8Array.of(0, 128, 255)],
  ['DT_INT8', 'INT8', Uint8Array.from(Int8Array.of(-128, 0, 127))],
  ['DT_STRING', 'BYTES', ['tide', '', 'Gezeiten: ebb → flood']],
] as const) {
  test(`${dtype} crosses as ${datatype}, both ways`, async (t) => {
    const { session } = await load(t, echoGraph(dtype));
    const [y] = await session.run([{ name: 'x', datatype, shape: [3], data }], ['y']);
    assert.deepEqual({ ...y }, { name: 'y', datatype, shape: [3], data });
    await session.release();
  });
}

test('a whole number that does not fit into 32 bits is refused with its place, and not cut', async (t) => {
  const { session } = await load(t, echoGraph('DT_INT64'));
  const data = new Uint8Array(BigInt64Array.of(1n, 2n ** 31n).buffer);
  await assert.rejects(
    async () => session.run([{ name: 'x', datatype: 'INT64', shape: [2], data }], ['y']),
    /input 'x' has 2147483648 at element 1/,
  );
  await session.release();
});

test('an operator that the kernels lack is named at load or at the run', async (t) => {
  const [x, ...others] = DENSE_GRAPH.modelTopology.node;
  const strange = others.map((one) => (one.op === 'Relu' ? { ...one, op: 'Frobnicate' } : one));
  const model = { ...DENSE_GRAPH, modelTopology: { ...DENSE_GRAPH.modelTopology, node: [x, ...strange] } };
  await assert.rejects(async () => run(await load(t, model), [[1, 2, 3]]), /Frobnicate/);
});
