import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DATATYPE_BYTES, DATATYPES, type Datatype } from '../../contract/datatype.js';
import { codeOf, decode, decodeData, firstInput, parse, refuses, withData } from './request-bodies.js';

const INTEGER_RANGES: readonly (readonly [Datatype, bigint, bigint])[] = [
  ['INT8', -128n, 127n],
  ['INT16', -32768n, 32767n],
  ['INT32', -2147483648n, 2147483647n],
  ['INT64', -9223372036854775808n, 9223372036854775807n],
  ['UINT8', 0n, 255n],
  ['UINT16', 0n, 65535n],
  ['UINT32', 0n, 4294967295n],
  ['UINT64', 0n, 18446744073709551615n],
];

function integersOf(datatype: Datatype, bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = DATATYPE_BYTES[datatype];
  return Array.from({ length: bytes.length / width }, (_, i) => {
    let bits = 0n;
    for (let byte = width - 1; byte >= 0; byte--) bits = (bits << 8n) | BigInt(view.getUint8(i * width + byte));
    return datatype.startsWith('U') ? bits : BigInt.asIntN(width * 8, bits);
  });
}

function float(text: string): number {
  return new Float32Array(decodeData('FP32', [1], `[${text}]`).buffer)[0];
}

function double(text: string): number {
  return new Float64Array(decodeData('FP64', [1], `[${text}]`).buffer)[0];
}

/** Texts of JSON numbers of every form: long and short, with and without point and exponent. */
const numberTexts = fc
  .tuple(
    fc.boolean(),
    fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9][0-9]{0,24}$/)),
    fc.option(fc.stringMatching(/^[0-9]{1,24}$/), { nil: undefined }),
    fc.option(fc.integer({ min: -60, max: 37 }), { nil: undefined }),
  )
  .map(([negative, whole, fraction, exponent]) => {
    const point = fraction === undefined ? '' : `.${fraction}`;
    return `${negative ? '-' : ''}${whole}${point}${exponent === undefined ? '' : `e${exponent}`}`;
  });

describe('numbers are read', () => {
  it('as the nearest double, and as the float nearest to that double', () => {
    fc.assert(
      fc.property(numberTexts, (text) => {
        assert.ok(Object.is(double(text), Number(text)), text);
        const single = Math.fround(Number(text));
        if (Number.isFinite(single)) assert.ok(Object.is(float(text), single), text);
        else
          assert.equal(
            codeOf(() => float(text)),
            'INVALID_VALUE',
          );
      }),
      { numRuns: 3000 },
    );
  });

  it('where a text lies next to the middle between two floats', () => {
    fc.assert(
      fc.property(
        fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(1e-20), max: Math.fround(1e20) }),
        (value) => {
          const next = new Float32Array(1);
          next[0] = value;
          new Uint32Array(next.buffer)[0] += 1;
          const middle = (value + next[0]) / 2;
          for (const text of [middle.toPrecision(17), middle.toPrecision(19), middle.toPrecision(21), String(middle)]) {
            assert.ok(Object.is(float(text), Math.fround(Number(text))), text);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('with the sign of zero, the ends of the range and numbers too small for it', () => {
    assert.ok(Object.is(float('-0'), -0));
    assert.ok(Object.is(float('-0.0'), -0));
    assert.ok(Object.is(double('-0.0'), -0));
    assert.ok(Object.is(double('-0e5'), -0));
    assert.equal(double('5e-324'), 5e-324);
    assert.equal(double('1e-400'), 0);
    assert.equal(double('1.7976931348623157e308'), Number.MAX_VALUE);
    assert.equal(float('1.401298464324817e-45'), Math.fround(1e-45));
    assert.equal(float('123456789012345678901234567890'), Math.fround(1.2345678901234568e29));
    assert.equal(double('123456789012345680000'), 123456789012345680000);
    assert.equal(float('3.4028235677973362e38'), 3.4028234663852886e38);
    refuses(() => double('1e309'), 'INVALID_VALUE', /element 0 of input 'X'.*1e309/);
    refuses(() => float('1e39'), 'INVALID_VALUE');
    refuses(() => float('-3.4028235677973366e38'), 'INVALID_VALUE');
    refuses(() => double(`1${'0'.repeat(400)}`), 'INVALID_VALUE');
  });

  it('as integers with every digit, each within the range of its datatype', () => {
    for (const [datatype, least, most] of INTEGER_RANGES) {
      fc.assert(
        fc.property(fc.array(fc.bigInt({ min: least, max: most }), { minLength: 1 }), (values) => {
          const bytes = decodeData(datatype, [values.length], `[${values.join(',')}]`);
          assert.deepEqual(integersOf(datatype, bytes), values);
        }),
        { numRuns: 100 },
      );
      assert.deepEqual(integersOf(datatype, decodeData(datatype, [2], `[${least},${most}]`)), [least, most]);
      refuses(
        () => decodeData(datatype, [2], `[0,${most + 1n}]`),
        'INVALID_VALUE',
        new RegExp(`element 1 of input 'X'.*${datatype}`),
      );
      refuses(() => decodeData(datatype, [1], `[${least - 1n}]`), 'INVALID_VALUE');
      refuses(() => decodeData(datatype, [1], `[1${'0'.repeat(30)}]`), 'INVALID_VALUE');
      refuses(() => decodeData(datatype, [1], '[1e999999999]'), 'INVALID_VALUE');
    }
  });

  it('as integers when they are whole numbers written otherwise', () => {
    const texts = ['1.0', '1e2', '1.20e1', '100e-2', '-0', '-0.0', '0e9', '1.000000000000000000000000'];
    assert.deepEqual(integersOf('INT32', decodeData('INT32', [8], `[${texts.join(',')}]`)), [
      1n,
      100n,
      12n,
      1n,
      0n,
      0n,
      0n,
      1n,
    ]);
    assert.deepEqual(integersOf('INT64', decodeData('INT64', [1], '[9.007199254740993e15]')), [9007199254740993n]);
    for (const text of ['1.5', '1e-1', '10e-2', '0.1', '-2.25', `0.${'0'.repeat(3000)}1`]) {
      refuses(() => decodeData('INT32', [1], `[${text}]`), 'INVALID_VALUE', /whole number/);
    }
  });

  it('not when they are no JSON', () => {
    for (const text of [
      '01',
      '+1',
      '.5',
      '1.',
      '1e',
      '1e+',
      '-',
      '--1',
      'NaN',
      'Infinity',
      '-Infinity',
      '0x10',
      '1_000',
      'tru',
      '',
      '1 2',
      "'1'",
    ]) {
      for (const datatype of ['FP32', 'FP64', 'INT32', 'UINT64', 'BOOL', 'BYTES']) {
        assert.match(
          codeOf(() => decodeData(datatype, [1], `[${text}]`)),
          /INVALID_(JSON|VALUE|SHAPE)/,
          `${datatype} ${text}`,
        );
      }
      refuses(() => decodeData('FP32', [2], `[1,${text}]`), 'INVALID_JSON');
    }
  });
});

describe('other values are read', () => {
  it('as BOOL from true and false, 1 and 0', () => {
    assert.deepEqual([...decodeData('BOOL', [4], '[true, false,1 ,0]')], [1, 0, 1, 0]);
    for (const text of ['"true"', '2', '-1', 'null']) {
      assert.match(
        codeOf(() => decodeData('BOOL', [1], `[${text}]`)),
        /INVALID_(VALUE|JSON)/,
      );
    }
  });

  it('as BYTES from strings, in UTF-8, with the length before each', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (texts) => {
        const expected = Buffer.concat(
          texts.map((text) => {
            const content = Buffer.from(text);
            const length = Buffer.alloc(4);
            length.writeUInt32LE(content.length);
            return Buffer.concat([length, content]);
          }),
        );
        const plain = JSON.stringify(texts);
        const escaped = plain.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
        assert.deepEqual(Buffer.from(decodeData('BYTES', [texts.length], plain)), expected);
        assert.deepEqual(Buffer.from(decodeData('BYTES', [texts.length], escaped)), expected);
      }),
    );
    assert.deepEqual(
      Buffer.from(decodeData('BYTES', [1], '["\\u0000x\\" \\\\ \\/ \\b\\f\\n\\r\\t"]'))
        .subarray(4)
        .toString(),
      '\0x" \\ / \b\f\n\r\t',
    );
  });

  it('not when their type is another one, which is named with the tensor and the index', () => {
    refuses(() => decodeData('BYTES', [1], '[5]'), 'INVALID_VALUE', /element 0 of input 'X' must be a string/);
    refuses(() => decodeData('BYTES', [1], '["\\ud83e"]'), 'INVALID_JSON');
    refuses(() => decodeData('INT32', [2], '[1,null]'), 'INVALID_VALUE', /element 1 of input 'X'.*got null/);
    refuses(() => decodeData('INT32', [1], '["7"]'), 'INVALID_VALUE', /got a string/);
    refuses(() => decodeData('INT32', [1], '[true]'), 'INVALID_VALUE', /got true/);
    refuses(() => decodeData('FP32', [1], '["NaN"]'), 'INVALID_VALUE');
    refuses(
      () => decodeData('FP16', [1], '[1.5]'),
      'INVALID_DATATYPE',
      /receiving FP16 data via JSON is not supported.*input X/,
    );
    refuses(() => decodeData('BF16', [1], '[1.5]'), 'INVALID_DATATYPE');
  });
});

describe('the shape of data', () => {
  it('may be a flat list or nested as the shape says', () => {
    for (const data of ['[1,2,3,4,5,6]', '[[1,2,3],[4,5,6]]', ' [ [ 1 ,2,3] , [4,5, 6 ] ] '.trim()]) {
      assert.deepEqual([...decodeData('INT8', [2, 3], data)], [1, 2, 3, 4, 5, 6]);
    }
    assert.deepEqual([...decodeData('INT8', [1, 2, 1, 2], '[[[[1,2]],[[3,4]]]]')], [1, 2, 3, 4]);
    assert.deepEqual([...decodeData('INT8', [], '[7]')], [7]);
    for (const [shape, data] of [
      [[0], '[]'],
      [[2, 0], '[[],[]]'],
      [[2, 0], '[]'],
      [[0, 3], '[ ]'],
      [[2, 0, 3], '[[],[]]'],
    ] as const) {
      assert.equal(decodeData('FP32', shape, data).length, 0);
    }
  });

  it('is refused when the number of values or the nesting is another one', () => {
    const cases: readonly (readonly [readonly number[], string])[] = [
      [[3], '[1,2]'],
      [[1], '[1,2]'],
      [[2], '[]'],
      [[0, 3], '[1,2,3]'],
      [[2, 2], '[[1,2],[3]]'],
      [[2, 2], '[[1,2,3],[4]]'],
      [[2, 2], '[[1,2]]'],
      [[2, 2], '[[1,2],[3,4],[5,6]]'],
      [[2, 2], '[[1,2],3,4]'],
      [[2, 2], '[1,2,[3,4]]'],
      [[1, 4], '[[1,2],[[3,4]]]'],
      [[1, 1], '[[[1]]]'],
      [[1], '[[1]]'],
      [[0], '[[]]'],
      [[1000, 1000], '[1]'],
    ];
    for (const [shape, data] of cases) {
      for (const datatype of ['FP32', 'FP64', 'INT8', 'UINT64', 'BOOL']) {
        refuses(() => decodeData(datatype, shape, data.replace(/[2-9]/g, '1')), 'INVALID_SHAPE');
      }
      refuses(() => decodeData('BYTES', shape, data.replace(/\d/g, '"a"')), 'INVALID_SHAPE');
    }
  });

  it('never asks for more memory than a small multiple of what was sent', () => {
    refuses(() => decodeData('FP64', [1, 1_000_000_000_000], '[1]'), 'INVALID_SHAPE');
  });
});

describe('binary tensors', () => {
  const binary = (datatype: string, shape: readonly number[], bytes: Uint8Array) =>
    parse(
      `{"inputs":[{"name":"X","datatype":"${datatype}","shape":[${shape.join(',')}],"parameters":{"binary_data_size":${bytes.length}}}]}`,
      bytes,
    );

  it('of every datatype are copied to the byte', () => {
    for (const datatype of DATATYPES.filter((one) => one !== 'BYTES')) {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 64 }), (seed) => {
          const width = DATATYPE_BYTES[datatype];
          const bytes = seed.subarray(0, seed.length - (seed.length % width));
          const request = binary(datatype, [bytes.length / width], bytes);
          assert.deepEqual(decode(request.source, firstInput(request)), Uint8Array.from(bytes));
        }),
        { numRuns: 20 },
      );
    }
  });

  it('must have the size of their shape', () => {
    const request = binary('INT32', [1, 16], new Uint8Array(68));
    refuses(
      () => decode(request.source, firstInput(request)),
      'INVALID_BINARY',
      /input byte size mismatch for input 'X'.*Expected 64, got 68/,
    );
  });

  it('of strings must be filled by them exactly, as many as the shape says', () => {
    const read = (hex: string, shape: readonly number[]) => {
      const request = binary('BYTES', shape, Buffer.from(hex, 'hex'));
      return Buffer.from(decode(request.source, firstInput(request))).toString('hex');
    };
    assert.equal(read('0300000061626300000000', [2]), '0300000061626300000000');
    assert.equal(read('', [0, 1]), '');
    refuses(
      () => read('64000000616263', [1]),
      'INVALID_BINARY',
      /incomplete string data for inference input 'X', expecting string of length 100 but only 3 bytes available/,
    );
    refuses(() => read('ffffffff616263', [1]), 'INVALID_BINARY', /length 4294967295/);
    refuses(() => read('0000000001', [1]), 'INVALID_BINARY', /incomplete string length indicator/);
    refuses(() => read('', [1]), 'INVALID_SHAPE', /expected 1 string elements for inference input 'X', got 0/);
    refuses(() => read('0000000000000000', [1]), 'INVALID_SHAPE', /got 2/);
  });
});

describe('a tensor', () => {
  it('is read alike from a buffer that starts anywhere in its memory', () => {
    const json = Buffer.from(withData('FP32', [3], '[0.1,-2,1e3]'));
    const whole = Buffer.concat([Buffer.from('xyz'), json]);
    const request = parse(whole.subarray(3));
    assert.deepEqual(
      [...new Float32Array(decode(request.source, firstInput(request)).buffer)],
      [Math.fround(0.1), -2, 1000],
    );
  });
});
