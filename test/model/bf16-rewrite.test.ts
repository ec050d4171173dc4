import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { TidegateError } from '../../contract/error.js';
import { rewriteBf16 } from '../../runtime/model/bf16-rewrite.js';
import { readOnnx } from '../../runtime/model/onnx-file.js';
import { MemorySource } from '../../runtime/model/protobuf.js';
import { fixture } from './fixture-folder.js';

/** Values that BFLOAT16 holds exactly: the smallest and largest ones, signed zero and infinities among them. */
const EXACT = [
  0,
  -0,
  1,
  -2.5,
  3.140625,
  2 ** -126,
  3.3895313892515355e38,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];

async function rewritten(name: string): Promise<InferenceSession> {
  return InferenceSession.create(rewriteBf16(await readFile(fixture(name))), { logSeverityLevel: 3 });
}

function float(values: readonly number[]): Tensor {
  return new Tensor('float32', Float32Array.from(values), [values.length / 3, 3]);
}

function numbers(tensor: Tensor): number[] {
  return Array.from(tensor.data, Number);
}

test('BF16 inputs and outputs become FLOAT under the same names, exact to the bit', async () => {
  const session = await rewritten('bf16_identity');
  assert.deepEqual([session.inputNames, session.outputNames], [['x'], ['y']]);
  const { y } = await session.run({ x: float(EXACT) });
  assert.equal(y.type, 'float32');
  const got = numbers(y);
  assert.ok(
    EXACT.every((value, i) => Object.is(value, got[i])),
    `${EXACT} came back as ${got}`,
  );
});

test('a BF16 output that the model also uses inside, and tensors of other types, keep their meaning', async () => {
  const session = await rewritten('bf16_mixed');
  const { y, z, rounded } = await session.run({ x: float([1.5, -2.5, 8]), offset: float([0.25, 0.001, 1e-6]) });
  assert.deepEqual(numbers(y), [1.5, -2.5, 8]);
  assert.deepEqual(numbers(z), [1.75, -2.499, 8.000001].map(Math.fround));
  assert.deepEqual([rounded.type, numbers(rounded)], ['int32', [1, -2, 8]]);
});

test('a BF16 input that only a branch uses is renamed in the branch', async () => {
  const session = await rewritten('bf16_branch');
  const feeds = { x: float([1, 2, 3]), other: float([4, 5, 6]) };
  for (const [take, expected] of [
    [1, [1, 2, 3]],
    [0, [4, 5, 6]],
  ] as const) {
    const { y } = await session.run({ ...feeds, take: new Tensor('bool', Uint8Array.of(take), []) });
    assert.deepEqual(numbers(y), expected);
  }
});

test('a BF16 input handed through, and a BF16 weight given out, are FLOAT too', async () => {
  const session = await rewritten('bf16_through');
  const { x, y, w } = await session.run({ x: float([1, 2, 3]) });
  assert.deepEqual(
    [numbers(x), numbers(y), numbers(w)],
    [
      [1, 2, 3],
      [1, 2, 3],
      [1, -2],
    ],
  );
});

test('the rewritten file has the signature of the original with FP32 for BF16', async () => {
  for (const name of ['bf16_identity', 'bf16_mixed', 'bf16_branch', 'bf16_through']) {
    const bytes = await readFile(fixture(name));
    const before = readOnnx(new MemorySource(name, bytes)).signature;
    const after = readOnnx(new MemorySource(name, rewriteBf16(bytes))).signature;
    const floats = (specs: typeof before.inputs) =>
      specs.map((spec) => (spec.datatype === 'BF16' ? { ...spec, datatype: 'FP32' } : spec));
    assert.deepEqual(after, { inputs: floats(before.inputs), outputs: floats(before.outputs) });
  }
});

test('a model without BF16 at its edge comes back as it is', async () => {
  for (const name of ['batched', 'stateful', 'external', 'sequence']) {
    const bytes = await readFile(fixture(name));
    assert.equal(rewriteBf16(bytes), bytes);
  }
});

test('a truncated model is refused, never a crash', async () => {
  const bytes = await readFile(fixture('bf16_branch'));
  for (let end = 0; end < bytes.length; end++) {
    try {
      rewriteBf16(bytes.subarray(0, end));
    } catch (error) {
      assert.ok(error instanceof TidegateError && error.code === 'MODEL_LOAD_FAILED', `cut at ${end}: ${error}`);
    }
  }
});
