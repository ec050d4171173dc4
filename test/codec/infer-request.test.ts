import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseInferRequest } from '../../runtime/codec/infer-request.js';
import { bytesOf, decode, firstInput, LIMITS, parse, refuses, TARGET, withData } from './request-bodies.js';

const INPUT = '{"name":"X","datatype":"INT32","shape":[1,2],"data":[1,2]}';
const OTHER = '{"name":"Y","datatype":"INT32","shape":[1,2],"data":[3,4]}';

function binary(name: string, size: number | string): string {
  return `{"name":"${name}","datatype":"INT32","shape":[1,2],"parameters":{"binary_data_size":${size}}}`;
}

describe('an inference request is read', () => {
  it('with every member of the protocol', () => {
    const request = parse(
      `{"id":"a-1","parameters":{"priority":2,"timeout":1500,"sequence_id":7,"sequence_start":true,"sequence_end":false,
        "binary_data_output":true,"mine":1.5,"yours":"x","flag":true,"count":18446744073709551615},
        "inputs":[${INPUT},${OTHER}],
        "outputs":[{"name":"P","parameters":{"classification":3}},{"name":"Q","parameters":{"binary_data":false}},{"name":"R"}]}`,
    );
    assert.equal(request.model, 'm');
    assert.equal(request.id, 'a-1');
    assert.equal(request.priority, 2);
    assert.equal(request.timeout_us, 1500);
    assert.equal(request.sequence_id, '7');
    assert.equal(request.sequence_start, true);
    assert.equal(request.sequence_end, false);
    assert.equal(request.binary_output, true);
    assert.deepEqual(
      [...(request.custom ?? [])],
      [
        ['mine', '1.5'],
        ['yours', 'x'],
        ['flag', 'true'],
        ['count', '18446744073709551615'],
      ],
    );
    assert.deepEqual(request.outputs, [
      { name: 'P', binary: undefined, classification: 3 },
      { name: 'Q', binary: false, classification: 0 },
      { name: 'R', binary: undefined, classification: 0 },
    ]);
    assert.deepEqual(
      request.inputs.map(({ name, datatype, shape, elements, encoding }) => ({
        name,
        datatype,
        shape,
        elements,
        encoding,
      })),
      [
        { name: 'X', datatype: 'INT32', shape: [1, 2], elements: 2, encoding: 'json' },
        { name: 'Y', datatype: 'INT32', shape: [1, 2], elements: 2, encoding: 'json' },
      ],
    );
  });

  it('whatever the order of members, with white space anywhere, escapes in names and members nobody knows', () => {
    const request = parse(
      ' \r\n\t{ "x" : [ { "y" : [ null , -1.5e+3 , "\\ud83e\\udd8a" ] } , { } , [ ] ] , "inputs" : [ { "data" : [ 5 , 6 ] , "sh\\u0061pe" : [ 2 ] , "\\u0064atatype" : "INT8" , "name" : "\\u0041é" } ] } \n',
    );
    const input = firstInput(request);
    assert.equal(input.name, 'Aé');
    assert.equal(input.datatype, 'INT8');
    assert.deepEqual([...decode(request.source, input)], [5, 6]);
  });

  it('gives the bytes after the JSON to binary inputs in the order of declaration, and JSON inputs among them their own', () => {
    const first = Buffer.from(Int32Array.of(1, 2).buffer);
    const second = Buffer.from(Int32Array.of(3, 4).buffer);
    const request = parse(`{"inputs":[${binary('B', 8)},${INPUT},${binary('A', 8)}]}`, first, second);
    const decoded = request.inputs.map((input) => [
      input.name,
      [...new Int32Array(decode(request.source, input).buffer)],
    ]);
    assert.deepEqual(decoded, [
      ['B', [1, 2]],
      ['X', [1, 2]],
      ['A', [3, 4]],
    ]);
  });

  it('takes null for members that may be absent, and an empty list of outputs as all of them', () => {
    const request = parse(
      `{"id":null,"parameters":null,"outputs":null,"inputs":[${INPUT.replace('}', ',"parameters":null}')}]}`,
    );
    assert.equal(request.id, '');
    assert.equal(request.outputs, undefined);
    assert.equal(parse(`{"outputs":[],"inputs":[${INPUT}]}`).outputs, undefined);
    assert.deepEqual(parse('{"inputs":[]}').inputs, []);
  });

  it('keeps sequence ids that are numbers and strings apart, with every digit; 0 and "" are none', () => {
    const id = (json: string) => parse(`{"parameters":{"sequence_id":${json}},"inputs":[]}`).sequence_id;
    assert.equal(id('18446744073709551615'), '18446744073709551615');
    assert.equal(id('"18446744073709551615"'), 's:18446744073709551615');
    assert.equal(id(`"${'x'.repeat(128)}"`), `s:${'x'.repeat(128)}`);
    assert.equal(id('0'), '');
    assert.equal(id('""'), '');
  });

  it('does not read on into the binary part, even where that would complete the JSON', () => {
    const { body } = bytesOf(`{"inputs":[${INPUT}]}`);
    for (let length = 0; length < body.length; length++) {
      refuses(() => parseInferRequest(body, length, TARGET, LIMITS), 'INVALID_JSON');
    }
  });

  it('counts an empty shape as one element and a shape with a zero as none', () => {
    assert.equal(firstInput(parse(withData('INT8', [], '[1]'))).elements, 1);
    assert.equal(firstInput(parse(withData('INT8', [9007199254740991, 9007199254740991, 0], '[]'))).elements, 0);
  });
});

describe('an inference request is refused', () => {
  const cases: readonly (readonly [what: string, body: string, code: string, text?: RegExp])[] = [
    ['for an empty body', '', 'INVALID_JSON', /at byte 0/],
    ['for broken JSON', '{"inputs":', 'INVALID_JSON', /at byte 10/],
    ['for an array', '[]', 'INVALID_REQUEST'],
    ['for null', 'null', 'INVALID_REQUEST'],
    ['for no inputs', '{}', 'INVALID_REQUEST', /'inputs'/],
    ['for a comment', `/* x */{"inputs":[${INPUT}]}`, 'INVALID_JSON', /at byte 0/],
    ['for single quotes', "{'inputs':[]}", 'INVALID_JSON', /at byte 1/],
    ['for garbage behind', `{"inputs":[]} xyz`, 'INVALID_JSON', /at byte 14/],
    ['for a second value behind', `{"inputs":[]}{}`, 'INVALID_JSON'],
    ['for a trailing comma', '{"inputs":[],}', 'INVALID_JSON'],
    ['for a trailing comma in a list', `{"inputs":[${INPUT},]}`, 'INVALID_JSON'],
    ['for a byte order mark', '\ufeff{"inputs":[]}', 'INVALID_JSON'],
    ['for a leading zero', '{"x":01,"inputs":[]}', 'INVALID_JSON'],
    ['for a plus sign', '{"x":+1,"inputs":[]}', 'INVALID_JSON'],
    ['for a number without digits behind the point', '{"x":1.,"inputs":[]}', 'INVALID_JSON'],
    ['for a number that starts with the point', '{"x":.5,"inputs":[]}', 'INVALID_JSON'],
    ['for an exponent without digits', '{"x":1e+,"inputs":[]}', 'INVALID_JSON'],
    ['for NaN', '{"x":NaN,"inputs":[]}', 'INVALID_JSON'],
    ['for Infinity', '{"x":-Infinity,"inputs":[]}', 'INVALID_JSON'],
    ['for a misspelt literal', '{"x":nul,"inputs":[]}', 'INVALID_JSON'],
    ['for a control character in a string', '{"x":"a\nb","inputs":[]}', 'INVALID_JSON'],
    ['for an unknown escape', '{"x":"\\x41","inputs":[]}', 'INVALID_JSON'],
    ['for a lone high surrogate', '{"x":"\\ud83e","inputs":[]}', 'INVALID_JSON'],
    ['for a lone low surrogate', '{"x":"\\udd8a","inputs":[]}', 'INVALID_JSON'],
    ['for two high surrogates', '{"x":"\\ud83e\\ud83e","inputs":[]}', 'INVALID_JSON'],
    [
      'for nesting that is too deep',
      `{"x":${'['.repeat(100)}${']'.repeat(100)},"inputs":[]}`,
      'INVALID_JSON',
      /100 levels/,
    ],
    [
      'for data that is too deep',
      withData('FP32', [1], `${'['.repeat(98)}1${']'.repeat(98)}`),
      'INVALID_JSON',
      /100 levels/,
    ],
    ['for inputs that are no list', '{"inputs":{}}', 'INVALID_REQUEST'],
    ['for an input that is no object', '{"inputs":[1]}', 'INVALID_REQUEST'],
    ['for an input without a name', `{"inputs":[${INPUT.replace('"name":"X",', '')}]}`, 'INVALID_REQUEST', /name/],
    [
      'for an input without a datatype',
      `{"inputs":[${INPUT.replace('"datatype":"INT32",', '')}]}`,
      'INVALID_REQUEST',
      /datatype/,
    ],
    ['for an input without a shape', `{"inputs":[${INPUT.replace('"shape":[1,2],', '')}]}`, 'INVALID_REQUEST', /shape/],
    [
      'for an input without data',
      `{"inputs":[${INPUT.replace(',"data":[1,2]', '')}]}`,
      'INVALID_REQUEST',
      /only one of/,
    ],
    [
      'for data twice, in JSON and binary',
      `{"inputs":[${INPUT.replace('}', ',"parameters":{"binary_data_size":0}}')}]}`,
      'INVALID_REQUEST',
    ],
    ['for a name that is a number', `{"inputs":[${INPUT.replace('"X"', '0')}]}`, 'INVALID_REQUEST'],
    ['for data that is a string', withData('INT32', [1], '"abc"'), 'INVALID_REQUEST'],
    ['for data that is null', withData('INT32', [1], 'null'), 'INVALID_REQUEST'],
    ['for an object in data', withData('INT32', [1], '[{}]'), 'INVALID_JSON'],
    ['for an unknown datatype', withData('int32', [1], '[1]'), 'INVALID_DATATYPE', /invalid datatype for input X/],
    ['for a datatype that is a number', `{"inputs":[${INPUT.replace('"INT32"', '3')}]}`, 'INVALID_REQUEST'],
    [
      'for an input given twice',
      `{"inputs":[${INPUT},${OTHER},${INPUT}]}`,
      'INVALID_TENSOR_NAME',
      /input 'X' already exists in request/,
    ],
    ['for an output asked for twice', `{"inputs":[],"outputs":[{"name":"P"},{"name":"P"}]}`, 'INVALID_TENSOR_NAME'],
    ['for an output without a name', `{"inputs":[],"outputs":[{}]}`, 'INVALID_REQUEST'],
    ['for a member given twice', '{"id":"a","id":"b","inputs":[]}', 'INVALID_REQUEST', /twice/],
    ['for data given twice', `{"inputs":[${INPUT.replace('}', ',"data":[1,2]}')}]}`, 'INVALID_REQUEST', /twice/],
    ['for an id that is a number', '{"id":7,"inputs":[]}', 'INVALID_REQUEST'],
    ['for a negative dimension', `{"inputs":[${INPUT.replace('[1,2]', '[-1,-2]')}]}`, 'INVALID_SHAPE'],
    ['for a dimension that is a string', `{"inputs":[${INPUT.replace('[1,2]', '["1",2]')}]}`, 'INVALID_SHAPE'],
    ['for a dimension that is a fraction', `{"inputs":[${INPUT.replace('[1,2]', '[1.0,2]')}]}`, 'INVALID_SHAPE'],
    ['for a dimension that is true', `{"inputs":[${INPUT.replace('[1,2]', '[true,2]')}]}`, 'INVALID_SHAPE'],
    ['for a dimension of 2^64', `{"inputs":[${INPUT.replace('[1,2]', '[18446744073709551616,2]')}]}`, 'INVALID_SHAPE'],
    ['for a shape that is null', `{"inputs":[${INPUT.replace('[1,2]', 'null')}]}`, 'INVALID_REQUEST'],
    ['for a shape whose product cannot be counted', withData('FP32', [4294967297, 4294967297], '[1]'), 'INVALID_SHAPE'],
    [
      'for a shape of a thousand dimensions',
      withData('FP32', new Array<number>(1000).fill(1), '[1]'),
      'INVALID_SHAPE',
      /32 dimensions/,
    ],
    ['for priority as a string', '{"parameters":{"priority":"1"},"inputs":[]}', 'INVALID_PARAMETER', /'priority'/],
    ['for priority as a fraction', '{"parameters":{"priority":1.5},"inputs":[]}', 'INVALID_PARAMETER'],
    [
      'for priority beyond 64 bits',
      '{"parameters":{"priority":18446744073709551616},"inputs":[]}',
      'INVALID_PARAMETER',
    ],
    ['for a negative timeout', '{"parameters":{"timeout":-1},"inputs":[]}', 'INVALID_PARAMETER'],
    ['for a negative sequence id', '{"parameters":{"sequence_id":-1},"inputs":[]}', 'INVALID_PARAMETER'],
    ['for a fraction as sequence id', '{"parameters":{"sequence_id":1.5},"inputs":[]}', 'INVALID_PARAMETER'],
    [
      'for a sequence id of 129 characters',
      `{"parameters":{"sequence_id":"${'x'.repeat(129)}"},"inputs":[]}`,
      'INVALID_PARAMETER',
      /128/,
    ],
    ['for a flag that is a string', '{"parameters":{"binary_data_output":"true"},"inputs":[]}', 'INVALID_PARAMETER'],
    ['for a parameter of Triton', '{"parameters":{"triton_x":1},"inputs":[]}', 'INVALID_PARAMETER', /reserved/],
    ['for a parameter that is null', '{"parameters":{"a":null},"inputs":[]}', 'INVALID_PARAMETER', /'a'/],
    ['for a parameter that is an object', '{"parameters":{"a":{"b":1}},"inputs":[]}', 'INVALID_PARAMETER'],
    ['for parameters that are a list', '{"parameters":[],"inputs":[]}', 'INVALID_REQUEST'],
    [
      'for shared memory',
      `{"inputs":[${binary('X', 8).replace('binary_data_size', 'shared_memory_byte_size')}]}`,
      'UNSUPPORTED',
    ],
    [
      'for shared memory of an output',
      '{"inputs":[],"outputs":[{"name":"P","parameters":{"shared_memory_region":"r"}}]}',
      'UNSUPPORTED',
    ],
    ['for a negative size', `{"inputs":[${binary('X', -1)}]}`, 'INVALID_PARAMETER'],
    ['for a size of 2^64', `{"inputs":[${binary('X', '18446744073709551616')}]}`, 'INVALID_PARAMETER'],
    ['for a size that is a string', `{"inputs":[${binary('X', '"8"')}]}`, 'INVALID_PARAMETER'],
    [
      'for a size past the end',
      `{"inputs":[${binary('X', 8)}]}`,
      'INVALID_BINARY',
      /unexpected size for input 'X', expecting 8 additional bytes for model 'm'/,
    ],
    [
      'for classes as a string',
      '{"inputs":[],"outputs":[{"name":"P","parameters":{"classification":"1"}}]}',
      'INVALID_PARAMETER',
    ],
    [
      'for 2^32 classes',
      '{"inputs":[],"outputs":[{"name":"P","parameters":{"classification":4294967296}}]}',
      'INVALID_PARAMETER',
    ],
  ];
  for (const [what, body, code, text] of cases) {
    it(what, () => refuses(() => parse(body), code, text));
  }

  it('for bytes that nothing speaks for', () => {
    refuses(() => parse('{"inputs":[]}', Buffer.from('x')), 'INVALID_BINARY', /1 bytes/);
  });

  it('for UTF-8 that is none, wherever it stands', () => {
    const invalid = ['80', 'c0af', 'c3', 'e08080', 'eda080', 'f08080af', 'f4908080', 'f5808080', 'e282', 'ff'];
    for (const hex of invalid) {
      const body = Buffer.concat([Buffer.from('{"x":"'), Buffer.from(hex, 'hex'), Buffer.from('","inputs":[]}')]);
      refuses(() => parse(body), 'INVALID_JSON', /UTF-8/);
    }
  });

  it('for a name that comes twice among thousands, without comparing each with each', () => {
    const inputs = Array.from(
      { length: 20_000 },
      (_, i) => `{"name":"I${i % 19_999}","datatype":"INT8","shape":[0],"data":[]}`,
    );
    refuses(() => parse(`{"inputs":[${inputs.join(',')}]}`), 'INVALID_TENSOR_NAME', /'I0'/);
  });
});
