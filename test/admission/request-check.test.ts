import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Datatype } from '../../contract/datatype.js';
import type { InferRequest } from '../../contract/inference.js';
import { ManifestSchema } from '../../contract/manifest.js';
import { checkRequest } from '../../runtime/admission/request-check.js';
import { planRequests } from '../../runtime/batch/request-plan.js';

const PLAN = planRequests({
  handle: 1,
  model: 'm',
  version: 1,
  artefact: '/nowhere',
  signature: {
    inputs: [
      { name: 'a', datatype: 'FP32', shape: [-1, 4], symbols: ['batch', ''] },
      { name: 'b', datatype: 'INT32', shape: [-1, -1], symbols: ['batch', 'n'] },
      { name: 'rate', datatype: 'INT64', shape: [], symbols: [] },
    ],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1], symbols: ['batch', ''] }],
  },
  batching: { max_batch: 8, reason: 'fixed by the test' },
  manifest: ManifestSchema.parse({ constants: { rate: 16000 } }),
  instances: 1,
  memory_bytes: 0,
});

function request(inputs: [string, Datatype, number[]][], outputs?: string[]): InferRequest {
  return {
    model: 'm',
    version: '',
    id: '',
    source: new Uint8Array(0),
    inputs: inputs.map(([name, datatype, shape]) => ({
      name,
      datatype,
      shape,
      elements: 0,
      encoding: 'binary',
      start: 0,
      end: 0,
    })),
    outputs: outputs?.map((name) => ({ name, binary: undefined, classification: 0 })),
    binary_output: false,
    priority: 0,
    timeout_us: 0,
    sequence_id: '',
    sequence_start: false,
    sequence_end: false,
  };
}

test('inputs come in any order and are put into the model’s', () => {
  const checked = checkRequest(
    request([
      ['b', 'INT32', [2, 7]],
      ['a', 'FP32', [2, 4]],
    ]),
    PLAN,
  );
  assert.deepEqual(
    checked.tensors.map((tensor) => tensor.name),
    ['a', 'b'],
  );
  assert.equal(checked.rows, 2);
});

test('the key tells apart what may not share a batch: variable dimensions, not rows', () => {
  const key = (rows: number, n: number) =>
    checkRequest(
      request([
        ['a', 'FP32', [rows, 4]],
        ['b', 'INT32', [rows, n]],
      ]),
      PLAN,
    ).shapeKey;
  assert.equal(key(1, 5), key(3, 5));
  assert.notEqual(key(1, 5), key(1, 6));
});

const REFUSED: [why: string, request: InferRequest, code: string, message: RegExp][] = [
  [
    'a missing input',
    request([['a', 'FP32', [1, 4]]]),
    'INVALID_TENSOR_NAME',
    /expected 2 inputs but got 1 inputs.*missing required input\(s\) \['b'\]/,
  ],
  ['no input at all', request([]), 'INVALID_TENSOR_NAME', /expected 2 inputs but got 0 inputs/],
  [
    'a constant of the manifest',
    request([
      ['a', 'FP32', [1, 4]],
      ['b', 'INT32', [1, 1]],
      ['rate', 'INT64', []],
    ]),
    'INVALID_TENSOR_NAME',
    /not taking input\(s\) \['rate'\]/,
  ],
  [
    'an unknown name',
    request([
      ['a', 'FP32', [1, 4]],
      ['c', 'INT32', [1, 1]],
    ]),
    'INVALID_TENSOR_NAME',
    /unexpected inference input 'c' for model 'm', which takes 'a', 'b'/,
  ],
  [
    'one name twice',
    request([
      ['a', 'FP32', [1, 4]],
      ['a', 'FP32', [1, 4]],
    ]),
    'INVALID_TENSOR_NAME',
    /already exists/,
  ],
  [
    'another datatype',
    request([
      ['a', 'FP64', [1, 4]],
      ['b', 'INT32', [1, 1]],
    ]),
    'INVALID_DATATYPE',
    /data-type is 'FP64', but model 'm' expects 'FP32'/,
  ],
  [
    'another width',
    request([
      ['a', 'FP32', [1, 5]],
      ['b', 'INT32', [1, 1]],
    ]),
    'INVALID_SHAPE',
    /Expected \[-1,4\], got \[1,5\]/,
  ],
  [
    'another rank',
    request([
      ['a', 'FP32', [4]],
      ['b', 'INT32', [1, 1]],
    ]),
    'INVALID_SHAPE',
    /Expected \[-1,4\], got \[4\]/,
  ],
  [
    'too many rows',
    request([
      ['a', 'FP32', [9, 4]],
      ['b', 'INT32', [9, 1]],
    ]),
    'INVALID_SHAPE',
    /batch-size must be <= 8 for 'm', got 9/,
  ],
  [
    'inputs of different length',
    request([
      ['a', 'FP32', [2, 4]],
      ['b', 'INT32', [3, 1]],
    ]),
    'INVALID_SHAPE',
    /batch size does not match/,
  ],
  [
    'an output that is not there',
    request(
      [
        ['a', 'FP32', [1, 4]],
        ['b', 'INT32', [1, 1]],
      ],
      ['z'],
    ),
    'INVALID_TENSOR_NAME',
    /unexpected inference output 'z'.*gives 'y'/,
  ],
];

for (const [why, wrong, code, message] of REFUSED) {
  test(`${why} is refused with ${code}`, () => {
    assert.throws(() => checkRequest(wrong, PLAN), { code, message });
  });
}
