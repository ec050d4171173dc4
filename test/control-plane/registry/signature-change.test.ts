import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SignatureRecord, TensorRecord } from '../../../contract/registry-record.js';
import { signatureChange } from '../../../control-plane/registry/signature-change.js';

const x: TensorRecord = { name: 'x', datatype: 'FP32', shape: [-1, 4] };
const y: TensorRecord = { name: 'y', datatype: 'INT64', shape: [-1, 1] };
const before: SignatureRecord = { inputs: [x], outputs: [y] };

function breaks(after: Partial<SignatureRecord>): readonly string[] {
  return signatureChange(before, { ...before, ...after }).breaks;
}

test('the same signature breaks nobody', () => {
  assert.deepEqual(signatureChange(before, before), { breaks: [], adds: [] });
});

test('an input that is gone, new, of another type, or takes less, breaks callers; one that takes more does not', () => {
  assert.match(breaks({ inputs: [] })[0], /input 'x' is gone/);
  assert.match(breaks({ inputs: [x, { ...x, name: 'z' }] })[0], /input 'z' is new/);
  assert.match(breaks({ inputs: [{ ...x, datatype: 'FP64' }] })[0], /input 'x' was FP32 and is FP64/);
  assert.match(breaks({ inputs: [{ ...x, shape: [1, 4] }] })[0], /input 'x' had the shape \[-1, 4\] and has \[1, 4\]/);
  assert.match(breaks({ inputs: [{ ...x, shape: [-1, 4, 1] }] })[0], /had the shape/);
  assert.deepEqual(breaks({ inputs: [{ ...x, shape: [-1, -1] }] }), []);
});

test('an output that is gone, of another type, or may vary more, breaks callers; a new one is told', () => {
  assert.match(breaks({ outputs: [] })[0], /output 'y' is gone/);
  assert.match(breaks({ outputs: [{ ...y, datatype: 'INT32' }] })[0], /output 'y' was INT64 and is INT32/);
  assert.match(
    breaks({ outputs: [{ ...y, shape: [-1, -1] }] })[0],
    /output 'y' had the shape \[-1, 1\] and has \[-1, -1\]/,
  );
  const more = signatureChange(before, { ...before, outputs: [y, { ...y, name: 'w' }] });
  assert.deepEqual(more, { breaks: [], adds: ["output 'w' is new"] });
});
