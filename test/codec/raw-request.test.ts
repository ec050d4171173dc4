import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Datatype } from '../../contract/datatype.js';
import { parseRawRequest } from '../../runtime/codec/raw-request.js';
import { decode, firstInput, refuses } from './request-bodies.js';

function read(datatype: Datatype, shape: readonly number[], maxBatch: number, body: Uint8Array, inputs = 1) {
  const spec = { name: 'X', datatype, shape, symbols: shape.map(() => '') };
  return parseRawRequest(
    body,
    { model: 'm', version: '3' },
    { inputs: new Array<typeof spec>(inputs).fill(spec), outputs: [] },
    { max_batch: maxBatch, reason: '' },
  );
}

function shapeOf(datatype: Datatype, shape: readonly number[], maxBatch: number, bytes: number): readonly number[] {
  return firstInput(read(datatype, shape, maxBatch, new Uint8Array(bytes))).shape;
}

describe('a raw request', () => {
  it('is one row of the only input, with every output in binary', () => {
    const request = read('FP32', [-1, 4], 8, new Uint8Array(16));
    assert.equal(request.model, 'm');
    assert.equal(request.version, '3');
    assert.equal(request.binary_output, true);
    assert.equal(request.outputs, undefined);
    assert.deepEqual(firstInput(request).shape, [1, 4]);
    assert.equal(firstInput(request).elements, 4);
  });

  it('has the fixed shape, or the one variable dimension that its size leaves', () => {
    assert.deepEqual(shapeOf('FP32', [2, 3], 0, 24), [2, 3]);
    assert.deepEqual(shapeOf('FP32', [3, -1], 0, 48), [3, 4]);
    assert.deepEqual(shapeOf('FP32', [3, -1], 0, 0), [3, 0]);
    assert.deepEqual(shapeOf('INT16', [-1, -1], 8, 10), [1, 5]);
  });

  it('of a string is that string, without a length before it', () => {
    for (const text of ['', '日本', '{"inputs":[]}']) {
      const content = Buffer.from(text);
      const request = read('BYTES', [1], 0, content);
      const bytes = Buffer.from(decode(request.source, firstInput(request)));
      assert.equal(bytes.readUInt32LE(0), content.length);
      assert.equal(bytes.subarray(4).toString(), text);
    }
    assert.deepEqual(firstInput(read('BYTES', [-1, 1], 8, Buffer.from('a'))).shape, [1, 1]);
  });

  it('is refused when shape and size do not decide each other', () => {
    refuses(() => shapeOf('FP32', [-1, 4], 8, 32), 'INVALID_BINARY', /Expected 16, got 32/);
    refuses(() => shapeOf('FP32', [2, 3], 0, 20), 'INVALID_BINARY', /Expected 24, got 20/);
    refuses(() => shapeOf('FP32', [3, -1], 0, 49), 'INVALID_BINARY', /Expected 48, got 49/);
    refuses(() => shapeOf('FP32', [0, -1], 0, 4), 'INVALID_BINARY');
    refuses(() => shapeOf('FP32', [-1, -1], 0, 4), 'INVALID_REQUEST', /variable/);
    refuses(() => shapeOf('BYTES', [2], 0, 4), 'INVALID_REQUEST', /one string/);
    refuses(() => read('FP32', [1], 0, new Uint8Array(4), 2), 'INVALID_REQUEST', /Raw request must only have 1 input/);
    refuses(() => read('FP32', [1], 0, new Uint8Array(4), 0), 'INVALID_REQUEST');
  });
});
