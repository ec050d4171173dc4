import assert from 'node:assert/strict';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { InferenceSession } from 'onnxruntime-node';
import { TidegateError } from '../../contract/error.js';
import { externalBytes, readOnnx, readOnnxFile } from '../../runtime/model/onnx-file.js';
import { MemorySource } from '../../runtime/model/protobuf.js';
import { FIXTURES, fixture, TRITON_MODELS, temporaryFolder } from './fixture-folder.js';

/** What ONNX Runtime calls our datatypes. */
const ORT_TYPE: Readonly<Record<string, string>> = {
  BOOL: 'bool',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
};

test('names, datatypes, shapes and symbols are read in order', () => {
  const { signature } = readOnnxFile(fixture('stateful'));
  assert.deepEqual(signature.inputs, [
    { name: 'x', datatype: 'FP32', shape: [-1, 3], symbols: ['batch', ''] },
    { name: 'state', datatype: 'FP32', shape: [2, -1, 3], symbols: ['', 'batch', ''] },
    { name: 'rate', datatype: 'INT64', shape: [], symbols: [] },
  ]);
  assert.deepEqual(
    signature.outputs.map(({ name }) => name),
    ['y', 'next'],
  );
});

test('weights that old files list among the inputs are no inputs', () => {
  const { signature } = readOnnxFile(fixture('ir3'));
  assert.deepEqual(signature.inputs, [{ name: 'x', datatype: 'FP32', shape: [-1, 2], symbols: ['N', ''] }]);
});

test('an unnamed variable dimension is -1 without a symbol', () => {
  assert.deepEqual(readOnnxFile(fixture('unnamed')).signature.inputs[0], {
    name: 'x',
    datatype: 'FP32',
    shape: [-1, 4],
    symbols: ['', ''],
  });
});

test('an unknown rank is refused with the remedy, and taken from the manifest where it is given', () => {
  assert.throws(() => readOnnxFile(fixture('rankless')), {
    code: 'MODEL_LOAD_FAILED',
    message: /how many dimensions input 'x' has: give them in model.yaml, as inputs: \{x: \{shape:/,
  });
  assert.throws(() => readOnnxFile(fixture('rankless'), new Map([['x', [-1, 4]]])), {
    message: /output 'y' has.* as outputs: \{y:/,
  });
  const { signature } = readOnnxFile(
    fixture('rankless'),
    new Map([
      ['x', [-1, 4]],
      ['y', [-1, 4]],
    ]),
  );
  assert.deepEqual(signature.outputs[0], { name: 'y', datatype: 'FP32', shape: [-1, 4], symbols: ['', ''] });
});

test('what the protocol cannot carry is refused by tensor and type', () => {
  assert.throws(() => readOnnxFile(fixture('complex')), {
    code: 'MODEL_LOAD_FAILED',
    message: /input 'x' has type COMPLEX64/,
  });
  assert.throws(() => readOnnxFile(fixture('sequence')), {
    code: 'MODEL_LOAD_FAILED',
    message: /output 'y' is a sequence/,
  });
});

test('weights outside of the file are found and counted, but never outside of its directory', () => {
  const { external, bytes } = readOnnxFile(fixture('external'));
  assert.deepEqual(external, ['external.weights']);
  assert.equal(externalBytes(fixture('external'), external), 3072);
  assert.equal(externalBytes(fixture('external'), ['../../../package.json', 'not there']), 0);
  assert.ok(bytes > 0 && bytes < 1000);
});

test('the signature is the one that ONNX Runtime reads', async () => {
  const files = (await readdir(FIXTURES))
    .filter((name) => name.endsWith('.onnx') && !/complex|sequence|rankless|bf16|external/.test(name))
    .map((name) => join(FIXTURES, name));
  const entries = await readdir(TRITON_MODELS, { recursive: true });
  files.push(...entries.filter((name) => name.endsWith('.onnx')).map((name) => join(TRITON_MODELS, name)));
  assert.ok(files.length >= 20);
  for (const file of files) {
    const { signature } = readOnnxFile(file);
    const session = await InferenceSession.create(file, { logSeverityLevel: 3 });
    for (const [specs, metadata] of [
      [signature.inputs, session.inputMetadata],
      [signature.outputs, session.outputMetadata],
    ] as const) {
      const theirs = metadata.map((value) =>
        value.isTensor
          ? [value.name, value.type, value.shape.map((dim) => (typeof dim === 'string' ? -1 : dim))]
          : value,
      );
      assert.deepEqual(
        specs.map(({ name, datatype, shape }) => [name, ORT_TYPE[datatype], shape]),
        theirs,
        file,
      );
    }
    await session.release();
  }
});

test('a file of many gigabytes costs only its structure', async (t) => {
  const bytes = await readFile(fixture('batched'));
  const path = join(await temporaryFolder(t), 'model.onnx');
  const gap = 3 * 2 ** 30;
  // An unknown field of three gigabytes in front: a hole in the file, as weights would be.
  const file = await open(path, 'w');
  const header = [0xfa, 0x06];
  for (let rest = gap; ; rest = Math.floor(rest / 128)) {
    header.push((rest % 128) + (rest >= 128 ? 128 : 0));
    if (rest < 128) break;
  }
  await file.write(Uint8Array.from(header), 0, header.length, 0);
  await file.write(bytes, 0, bytes.length, header.length + gap);
  await file.close();
  assert.deepEqual(readOnnxFile(path).signature, readOnnxFile(fixture('batched')).signature);
});

test('a file cut at any byte is refused, whatever is left of it', async () => {
  for (const name of ['batched', 'ir3', 'external', 'stateful']) {
    const bytes = await readFile(fixture(name));
    for (let end = 0; end < bytes.length; end++) {
      assert.throws(
        () => readOnnx(new MemorySource(name, bytes.subarray(0, end))),
        { name: 'TidegateError', code: 'MODEL_LOAD_FAILED' },
        `cut at ${end}`,
      );
    }
  }
});

test('damaged and arbitrary bytes end in a signature or a refusal, nothing else', async () => {
  const bytes = await readFile(fixture('stateful'));
  const read = (damaged: Uint8Array) => {
    try {
      readOnnx(new MemorySource('damaged', damaged));
    } catch (error) {
      if (!(error instanceof TidegateError)) throw error;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), read), { numRuns: 500 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      (changes) => {
        const damaged = Uint8Array.from(bytes);
        for (const [at, value] of changes) damaged[at] = value;
        read(damaged);
      },
    ),
    { numRuns: 1000 },
  );
});

test('what is no file at all is refused with its path', async (t) => {
  const folder = await temporaryFolder(t);
  const text = join(folder, 'text.onnx');
  await writeFile(text, '{"not": "a model"}');
  assert.throws(() => readOnnxFile(text), {
    code: 'MODEL_LOAD_FAILED',
    message: /text\.onnx is not a whole ONNX file/,
  });
  assert.throws(() => readOnnxFile(folder), { code: 'MODEL_LOAD_FAILED', message: /cannot read/ });
  assert.throws(() => readOnnxFile(join(folder, 'absent')), { code: 'MODEL_LOAD_FAILED', message: /ENOENT/ });
});
