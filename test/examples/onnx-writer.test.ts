import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createNetwork, predict } from '../../examples/learning/network.js';
import { networkGraph } from '../../examples/learning/network-graph.js';
import { seededRandom } from '../../examples/learning/random.js';
import { encodeOnnx } from '../../examples/onnx/graph.js';
import { readOnnx } from '../../runtime/model/onnx-file.js';
import { MemorySource } from '../../runtime/model/protobuf.js';
import { MessageWriter } from '../../std/protobuf-writer.js';
import { largestDifference, runClassifier } from './onnx-runs.js';

const FACE = {
  name: 'net',
  description: 'a net',
  input: 'features',
  output: 'probabilities',
  facts: { made_by: 'test' },
};

test('numbers are written as the published examples of the wire format have them', () => {
  assert.deepEqual([...new MessageWriter().integer(1, 150).finish()], [0x08, 0x96, 0x01]);
  assert.deepEqual([...new MessageWriter().text(2, 'testing').finish()], [0x12, 7, ...Buffer.from('testing')]);
  const beyond32Bits = new MessageWriter().integer(1, 2 ** 40).finish();
  assert.deepEqual([...beyond32Bits], [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
  assert.throws(() => new MessageWriter().integer(1, -1), /whole number/);
});

test('a constant whose values do not fill its shape is refused', () => {
  const graph = { name: 'g', description: '', inputs: [], outputs: [], nodes: [], facts: {} };
  const constants = [{ name: 'w', shape: [2, 3], values: new Float32Array(5) }];
  assert.throws(() => encodeOnnx({ ...graph, constants }), /constant w has 5 values/);
});

test('a written file names its batch dimension, and gives ONNX Runtime what the network itself gives', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 2, max: 5 }),
      async (seed, width, classes) => {
        const random = seededRandom(seed);
        const features = Float32Array.from({ length: width * 7 }, () => random() * 40 - 20);
        const rows = { features, classes: new Uint8Array(7), width };
        const network = createNetwork([width, 6, 5, classes], rows, random);
        const onnx = encodeOnnx(networkGraph(network, FACE));
        const { signature } = readOnnx(new MemorySource('written', onnx));
        assert.deepEqual(signature.inputs, [
          { name: 'features', datatype: 'FP32', shape: [-1, width], symbols: ['batch', ''] },
        ]);
        assert.deepEqual(signature.outputs, [
          { name: 'probabilities', datatype: 'FP32', shape: [-1, classes], symbols: ['batch', ''] },
        ]);
        const ran = await runClassifier(onnx, features, width);
        assert.ok(largestDifference(ran, predict(network, features)) < 1e-5);
      },
    ),
    { numRuns: 20 },
  );
});
