import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TidegateError } from '../../contract/error.js';
import { DEFAULT_MANIFEST } from '../../contract/manifest.js';
import type { ModelSignature } from '../../contract/signature.js';
import { checkAgainstSignature } from '../../runtime/model/manifest-check.js';
import { parseManifest } from '../../runtime/model/manifest-file.js';

const SIGNATURE: ModelSignature = {
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 3], symbols: ['batch', ''] },
    { name: 'h', datatype: 'FP32', shape: [2, -1, 3], symbols: ['', 'batch', ''] },
    { name: 'rate', datatype: 'INT64', shape: [], symbols: [] },
    { name: 'flags', datatype: 'BOOL', shape: [2], symbols: [''] },
  ],
  outputs: [
    { name: 'y', datatype: 'FP32', shape: [-1, 3], symbols: ['batch', ''] },
    { name: 'hn', datatype: 'FP32', shape: [2, -1, 3], symbols: ['', 'batch', ''] },
  ],
};

function parse(text: string) {
  return parseManifest(text, 'm/model.yaml');
}

test('an empty manifest, or one of comments, is the default one', () => {
  for (const text of ['', '# nothing yet\n', '{}', 'null']) assert.deepEqual(parse(text), DEFAULT_MANIFEST);
});

test('what is written is read', () => {
  const manifest = parse(
    'max_batch: 16\nversions: {latest: 2}\nstate:\n  - {input: h, output: hn, batch_axis: 1}\nlabels: {y: [no, yes]}\n',
  );
  assert.deepEqual(
    [manifest.max_batch, manifest.versions, manifest.state, manifest.labels],
    [16, { latest: 2 }, [{ input: 'h', output: 'hn', batch_axis: 1 }], { y: ['no', 'yes'] }],
  );
});

test('a mistake is named with its place and the nearest known key', () => {
  const mistakes: [string, RegExp][] = [
    ['max_bacth: 4', /unknown key 'max_bacth': did you mean 'max_batch'\?/],
    ['queue: {max_request: 4}', /unknown key 'max_request' in 'queue': did you mean 'max_requests'\?/],
    ['state: [{inptu: a, output: b, input: c}]', /unknown key 'inptu' in 'state\.0': did you mean 'input'\?/],
    ['inputs: {x: {shpae: [1]}}', /unknown key 'shpae' in 'inputs\.x': did you mean 'shape'\?/],
    ['zzzzzzzzzzzz: 1', /unknown key 'zzzzzzzzzzzz': known are description, /],
    ['max_batch: many', /'max_batch': .*number/],
    ['max_batch: 1.5', /'max_batch'/],
    ['instances: 0', /'instances'/],
    ['versions: newest', /'versions' has none of the forms/],
    ['max_batch: 1\nmax_batch: 2', /unique|duplicate/i],
    ['- 1', /mapping of keys/],
    ['a: [', /m\/model\.yaml: /],
    ['priority_levels: 2\ndefault_priority: 3', /default_priority is 3, but priority_levels is 2/],
    ['version_labels: {"7": 1}', /'7' would be taken for a version number/],
    ['state: [{input: a, output: b}, {input: a, output: c}]', /'a' is in two states/],
    ['state: [{input: a, output: b}]\nconstants: {a: 1}', /'a' is both a state and a constant/],
  ];
  for (const [text, message] of mistakes) assert.throws(() => parse(text), { code: 'INVALID_CONFIG', message }, text);
});

test('text of any kind is a manifest or a refusal, aliases without end included', () => {
  const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\n${[...'bcdefgh'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[i]}`).join(', ')}]`).join('\n')}`;
  assert.throws(() => parse(bomb), { code: 'INVALID_CONFIG' });
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      try {
        parse(text);
      } catch (error) {
        assert.ok(error instanceof TidegateError && error.code === 'INVALID_CONFIG', String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('a manifest that does not fit its model is refused with the tensor', () => {
  const refused = (text: string, message: RegExp) =>
    assert.throws(() => checkAgainstSignature(parse(text), SIGNATURE), { code: 'INVALID_CONFIG', message }, text);
  refused('labels: {yy: [a]}', /no output 'yy': did you mean 'y'\?/);
  refused('constants: {ratio: 1}', /no input 'ratio': did you mean 'rate'\?/);
  refused('constants: {rate: 1.5}', /1\.5 is no INT64/);
  refused('constants: {rate: [1, 2]}', /2 values do not fill the shape \[\]/);
  refused('constants: {flags: [true, 2]}', /2 is no BOOL/);
  refused('constants: {x: [1, 2, 3, 4]}', /4 values do not fill the shape \[-1,3\]/);
  refused('state: [{input: h, output: y}]', /they must be equal/);
  refused('state: [{input: rate, output: y}]', /INT64.*FP32/);
  refused('state: [{input: h, output: hn, batch_axis: 3}]', /has 3 dimensions/);
  refused('state: [{input: h, output: hn, batch_axis: 0}]', /only its batch dimension may be variable/);
  refused('inputs: {x: {datatype: FP64}}', /says FP64, the model file FP32/);
  refused('outputs: {y: {shape: [-1, 4]}}', /says shape \[-1,4\], the model file \[-1,3\]/);
  checkAgainstSignature(
    parse(
      'constants: {rate: 16000, flags: [true, false], x: [1, 2, 3]}\nstate: [{input: h, output: hn}]\nlabels: {y: [a]}\ninputs: {x: {shape: [5, 3]}}',
    ),
    SIGNATURE,
  );
});
