import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agrees, differences, ratioOf } from '../../../cli/model-tools/comparison.js';
import { parityTable } from '../../../cli/model-tools/parity-report.js';
import type { BackendTensor } from '../../../runtime/worker/backend/backend.js';

const floats = (...values: number[]): BackendTensor => ({
  name: 'y',
  datatype: 'FP32',
  shape: [values.length],
  data: new Uint8Array(Float32Array.from(values).buffer),
});

test('the largest distance counts against the largest value that was expected', () => {
  const [difference] = differences([floats(1, 9.5, -10)], [floats(1, 9, -10)]);
  assert.deepEqual(difference, { output: 'y', largest: 0.5, scale: 10, fault: '' });
  assert.equal(ratioOf(difference), 0.05);
  assert.ok(agrees([difference], 0.05) && !agrees([difference], 0.049));
});

test('what is no number agrees with itself alone, and a value that became one is a fault with its place', () => {
  assert.ok(agrees(differences([floats(Number.NaN)], [floats(Number.NaN)]), 0));
  assert.match(differences([floats(1, Number.NaN)], [floats(1, 2)])[0].fault, /has NaN at element 1, where 2 is right/);
  assert.ok(!agrees(differences([floats(1)], [floats(0)]), 1));
});

test('outputs that are missing, or of another type or shape, are faults', () => {
  const int64: BackendTensor = { name: 'y', datatype: 'INT64', shape: [1], data: new Uint8Array(8) };
  assert.match(differences([], [floats(1)])[0].fault, /is missing/);
  assert.match(differences([int64], [floats(1)])[0].fault, /is INT64, and was FP32/);
  assert.match(differences([floats(1, 2)], [floats(1)])[0].fault, /has shape \[2\], and had \[1\]/);
  const table = parityTable(differences([int64], [floats(1)]), 0.01);
  assert.match(table, /^y +- +- +- +no: it is INT64, and was FP32$/m);
});

test('text and whole numbers of 64 bits are compared too', () => {
  const text = (...data: string[]): BackendTensor => ({ name: 't', datatype: 'BYTES', shape: [data.length], data });
  assert.equal(differences([text('ebb')], [text('ebb')])[0].fault, '');
  assert.match(differences([text('ebb')], [text('flood')])[0].fault, /is other text/);
  const whole = (value: bigint): BackendTensor => ({
    name: 'n',
    datatype: 'INT64',
    shape: [1],
    data: new Uint8Array(BigInt64Array.of(value).buffer),
  });
  assert.equal(differences([whole(-5n)], [whole(-7n)])[0].largest, 2);
});
