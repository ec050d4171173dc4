import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_MANIFEST, type Manifest } from '../../contract/manifest.js';
import type { ModelSignature, TensorSpec } from '../../contract/signature.js';
import { BATCH_NAMES, decideBatching } from '../../runtime/model/batching.js';

type Dim = number | string | null;

function tensor(name: string, dims: readonly Dim[]): TensorSpec {
  return {
    name,
    datatype: 'FP32',
    shape: dims.map((dim) => (typeof dim === 'number' ? dim : -1)),
    symbols: dims.map((dim) => (typeof dim === 'string' ? dim : '')),
  };
}

function signature(inputs: Record<string, readonly Dim[]>, outputs: Record<string, readonly Dim[]>): ModelSignature {
  const specs = (tensors: Record<string, readonly Dim[]>) =>
    Object.entries(tensors).map(([name, dims]) => tensor(name, dims));
  return { inputs: specs(inputs), outputs: specs(outputs) };
}

function decide(model: ModelSignature, manifest: Partial<Manifest> = {}) {
  return decideBatching(model, { ...DEFAULT_MANIFEST, ...manifest });
}

test('a first dimension that the file calls batch everywhere is batched, at most 128 rows', () => {
  assert.deepEqual(decide(signature({ x: ['batch', 4] }, { y: ['batch'] })), {
    max_batch: 128,
    reason: "the file calls the first dimension 'batch'",
  });
  for (const name of ['N', 'Batch_Size', 'bs', 'B'])
    assert.equal(decide(signature({ x: [name, 'L'] }, { y: [name, 2] })).max_batch, 128);
});

test('nothing is batched by guess', () => {
  const doubts: [string, ModelSignature, RegExp][] = [
    ['another name', signature({ x: ['rows', 4] }, { y: ['rows'] }), /called 'rows', not batch/],
    ['an exporter made it up', signature({ x: ['unk__6', 4] }, { y: ['unk__6'] }), /unk__6/],
    ['no name', signature({ x: [null, 4] }, { y: [null, 4] }), /'x' has no name/],
    ['a fixed dimension', signature({ x: [2, 3] }, { y: [3, 2] }), /'x' has a first dimension of 2/],
    ['the name stands elsewhere', signature({ x: [3, 'n'] }, { y: [3, 1] }), /'x' has a first dimension of 3/],
    ['two names', signature({ x: ['batch', 4], z: ['N', 4] }, { y: ['batch'] }), /'batch' in 'x' and 'N' in 'z'/],
    ['an output without it', signature({ x: ['batch', 4] }, { y: [4] }), /'y' has a first dimension of 4$/],
    ['an output of pairs', signature({ x: ['batch', 4] }, { y: ['batch', 'batch'] }), /another dimension of 'y'/],
    [
      'a single value',
      signature({ x: ['batch', 4], rate: [] }, { y: ['batch'] }),
      /'rate' is a single value; .* name it in 'constants'/,
    ],
    ['no input', signature({}, { y: ['batch'] }), /no input/],
  ];
  for (const [what, model, reason] of doubts) {
    const batching = decide(model);
    assert.equal(batching.max_batch, 0, what);
    assert.match(batching.reason, reason, what);
  }
});

test('the manifest decides where the first dimensions are variable', () => {
  assert.equal(decide(signature({ x: [null, 4] }, { y: [null, 4] }), { max_batch: 16 }).max_batch, 16);
  assert.equal(decide(signature({ x: ['rows', 4] }, { y: [null, 4] }), { max_batch: 1 }).max_batch, 1);
  assert.deepEqual(decide(signature({ x: ['batch', 4] }, { y: ['batch', 4] }), { max_batch: 0 }), {
    max_batch: 0,
    reason: 'max_batch is 0 in the manifest',
  });
});

test('a manifest that asks for batches of a model that cannot take them is refused with the tensor', () => {
  const refused = (model: ModelSignature, message: RegExp, manifest: Partial<Manifest> = {}) =>
    assert.throws(() => decide(model, { max_batch: 8, ...manifest }), { code: 'INVALID_CONFIG', message });
  refused(signature({ x: [2, 4] }, { y: [null] }), /'x' has a first dimension of 2/);
  refused(signature({ x: [null, 4] }, { y: [4] }), /'y' has a first dimension of 4/);
  refused(signature({ x: [null, 4], rate: [] }, { y: [null] }), /'rate' is a single value; .*constants/);
  refused(signature({ x: [null, 4], h: [2, 3] }, { y: [null], hn: [2, 3] }), /state 'h' has no batch dimension/, {
    state: [{ input: 'h', output: 'hn' }],
  });
});

test('states and constants need no batch in front', () => {
  const model = signature({ x: ['batch', 4], h: [2, 'batch', 3], rate: [] }, { y: ['batch'], hn: [2, 'batch', 3] });
  const manifest = { state: [{ input: 'h', output: 'hn' }], constants: { rate: 16_000 } };
  assert.equal(decide(model, manifest).max_batch, 128);
  assert.match(decide(model, { state: manifest.state }).reason, /'rate' is a single value/);
  const other = signature({ x: ['batch', 4], h: [2, null, 3] }, { y: ['batch'], hn: [2, null, 3] });
  assert.match(decide(other, { state: manifest.state }).reason, /give its batch_axis/);
  assert.equal(decide(other, { state: [{ input: 'h', output: 'hn', batch_axis: 1 }] }).max_batch, 128);
  assert.match(
    decide(other, { state: [{ input: 'h', output: 'hn', batch_axis: 0 }] }).reason,
    /batch_axis 0 of state 'h' is not variable/,
  );
});

test('whatever is batched without a manifest has one batch name in front of every tensor and nowhere else', () => {
  const dim = fc.oneof(fc.constantFrom<Dim>('batch', 'N', 'rows', null), fc.integer({ min: 1, max: 4 }));
  const tensors = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.array(dim, { maxLength: 3 }));
  fc.assert(
    fc.property(tensors, tensors, (inputs, outputs) => {
      const model = signature(inputs, outputs);
      if (decide(model).max_batch === 0) return;
      const all = [...model.inputs, ...model.outputs];
      const [name] = all[0].symbols;
      assert.ok(BATCH_NAMES.has(name.toLowerCase()));
      for (const { symbols } of all) assert.ok(symbols[0] === name && symbols.lastIndexOf(name) === 0);
    }),
  );
});
