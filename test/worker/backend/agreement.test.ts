import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disagreement } from '../../../runtime/worker/backend/agreement.js';
import type { BackendTensor } from '../../../runtime/worker/backend/backend.js';

const floats = (...values: number[]): BackendTensor => ({
  name: 'y',
  datatype: 'FP32',
  shape: [values.length],
  data: new Uint8Array(new Float32Array(values).buffer),
});
const bytes = (...values: number[]): BackendTensor => ({
  name: 'y',
  datatype: 'INT8',
  shape: [values.length],
  data: Uint8Array.from(values),
});

test('what another order of adding changes agrees, what a wrong kernel gives does not', () => {
  assert.equal(disagreement([floats(1.0001, 1000.5, 0)], [floats(1, 1000, 0.00005)]), undefined);
  assert.match(
    disagreement([floats(1, 1.01)], [floats(1, 1)]) ?? '',
    /^output 'y' has 1\.00\d* at element 1, on the CPU 1$/,
  );
});

test('infinite values and those that are no number agree with themselves alone', () => {
  const odd = floats(Number.NaN, Number.POSITIVE_INFINITY);
  assert.equal(disagreement([odd], [odd]), undefined);
  assert.notEqual(disagreement([floats(1)], [floats(Number.NaN)]), undefined);
  assert.notEqual(disagreement([floats(Number.NaN)], [floats(1)]), undefined);
  assert.notEqual(disagreement([floats(1)], [floats(Number.POSITIVE_INFINITY)]), undefined);
});

test('whole numbers must be equal, and so must shape, type and the number of outputs', () => {
  assert.equal(disagreement([bytes(1, 2)], [bytes(1, 2)]), undefined);
  assert.match(disagreement([bytes(1, 3)], [bytes(1, 2)]) ?? '', /differs from the CPU/);
  assert.match(disagreement([floats(1, 2)], [floats(1)]) ?? '', /has shape \[2\], on the CPU \[1\]/);
  assert.match(disagreement([bytes(1)], [floats(1)]) ?? '', /is INT8, on the CPU FP32/);
  assert.match(disagreement([], [floats(1)]) ?? '', /is missing/);
});
