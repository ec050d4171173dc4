import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Datatype } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { OutputTensor } from '../../contract/inference.js';
import { classesOf, sixDecimals } from '../../runtime/respond/classification.js';
import { stringElements } from '../../runtime/respond/string-elements.js';

const LABELS = { P: ['ash', 'birch', 'cedar', 'date'] };

function tensor(datatype: Datatype, shape: readonly number[], values: ArrayBufferView): OutputTensor {
  return { name: 'P', datatype, shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

function classes(
  output: OutputTensor,
  count: number,
  labels = {},
  batched = true,
): { shape: readonly number[]; texts: string[] } {
  const result = classesOf(output, count, { labels, batched });
  assert.equal(result.datatype, 'BYTES');
  return { shape: result.shape, texts: stringElements(result).map(String) };
}

describe('classification', () => {
  it('gives the greatest values of each row, equal ones by index, with their labels', () => {
    const one = tensor('FP32', [1, 4], Float32Array.of(0.125, 0.25, 0.5, 0.125));
    assert.deepEqual(classes(one, 2, LABELS), { shape: [1, 2], texts: ['0.500000:2:cedar', '0.250000:1:birch'] });
    assert.deepEqual(classes(one, 9, LABELS).texts, [
      '0.500000:2:cedar',
      '0.250000:1:birch',
      '0.125000:0:ash',
      '0.125000:3:date',
    ]);
    const two = tensor('FP32', [2, 2], Float32Array.of(1, 2, 4, 3));
    assert.deepEqual(classes(two, 1), { shape: [2, 1], texts: ['2.000000:1', '4.000000:0'] });
  });

  it('leaves out the label of an index that has none', () => {
    const output = tensor('FP32', [1, 2], Float32Array.of(1, 2));
    assert.deepEqual(classes(output, 2, { P: ['only'] }).texts, ['2.000000:1', '1.000000:0:only']);
    assert.deepEqual(classes({ ...output, name: 'toString' }, 1).texts, ['2.000000:1']);
  });

  it('writes integers without decimals, to the last digit', () => {
    assert.deepEqual(classes(tensor('INT64', [2, 3], BigInt64Array.of(0n, 2n, 2n, 0n, -2n, -7n)), 2), {
      shape: [2, 2],
      texts: ['2:1', '2:2', '0:0', '-2:1'],
    });
    assert.deepEqual(
      classes(tensor('UINT64', [1, 2], BigUint64Array.of(18446744073709551614n, 18446744073709551615n)), 2).texts,
      ['18446744073709551615:1', '18446744073709551614:0'],
    );
    assert.deepEqual(classes(tensor('INT8', [1, 2], Int8Array.of(-1, -2)), 1).texts, ['-1:0']);
  });

  it('takes all elements of a model that does not batch as one row', () => {
    assert.deepEqual(classes(tensor('FP32', [2, 2], Float32Array.of(1, 2, 4, 3)), 3, {}, false), {
      shape: [3],
      texts: ['4.000000:2', '3.000000:3', '2.000000:1'],
    });
  });

  it('of no rows gives none, and NaN comes last', () => {
    assert.deepEqual(classes(tensor('FP32', [0, 4], new Float32Array(0)), 2), { shape: [0, 0], texts: [] });
    assert.deepEqual(classes(tensor('FP32', [1, 3], Float32Array.of(Number.NaN, -Infinity, 1)), 3).texts, [
      '1.000000:2',
      '-inf:1',
      'nan:0',
    ]);
  });

  it('refuses outputs that have no order', () => {
    for (const datatype of ['BOOL', 'FP16', 'BF16', 'BYTES'] as const) {
      assert.throws(
        () => classes(tensor(datatype, [1, 2], new Uint16Array(2)), 1),
        (error) =>
          error instanceof TidegateError &&
          error.code === 'INVALID_DATATYPE' &&
          error.message.includes(`unsupported type '${datatype}'`),
      );
    }
  });

  it('prints values as C does, exact halves to the even digit', () => {
    const cases = [
      [0.0078125, '0.007812'],
      [0.0234375, '0.023438'],
      [-0.0078125, '-0.007812'],
      [-0, '-0.000000'],
      [1e21, '1000000000000000000000.000000'],
      [0.9999999, '1.000000'],
      [2.5, '2.500000'],
      [1e-300, '0.000000'],
      [-1e-300, '-0.000000'],
    ] as const;
    for (const [value, text] of cases) assert.equal(sixDecimals(value), text);
  });
});
