import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { SERVING_MODELS, TRITON_MODELS } from '../harness/checkout.js';
import { infer, startLogging } from './log-rig.js';

const UUID_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const f32 = (values: readonly number[]): number[] => values.map(Math.fround);

test('an answered request lies in the spool, to the bit, before its answer arrives', async (t) => {
  const runtime = await startLogging(t, ['scale']);
  const rows = [0.1, -2.5, 3e37, 0, 1, 2, 3, 4];
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [2, 4], data: rows }];
  const before_us = Date.now() * 1000;
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const named = await infer(runtime.url, 'scale', { id: 'mine', inputs }, { traceparent });
  assert.equal(named.status, 200);
  const [record, ...others] = runtime.records();
  assert.equal(others.length, 0);
  assert.equal(named.token, `edge-1:${record.epoch}:${record.seq}`);
  assert.equal(named.request_id, '', 'the caller knows its own id');
  assert.equal(record.request_id, 'mine');
  assert.equal(record.trace_id, '0af7651916cd43dd8448eb211c80319c');
  assert.equal(record.outcome, 'ok');
  assert.equal(record.variant, 'champion');
  assert.equal(record.face, 'http');
  assert.deepEqual(record.num, [f32(rows.slice(0, 4)), f32(rows.slice(4))]);
  assert.deepEqual(
    record.output.map((row) => row.map(Math.fround)),
    [f32([0.1, -2.5, 3e37, 0].map((value) => Math.fround(value) * 3)), [3, 6, 9, 12]],
  );
  assert.ok(record.ts_us >= before_us - 1_000_000 && record.ts_us <= Date.now() * 1000 + 1_000_000);
  const [queue_us, compute_us, total_us] = record.times;
  assert.ok(compute_us > 0 && total_us >= compute_us && queue_us <= total_us);
  assert.equal(record.share, 1);
  assert.deepEqual([record.layout.model, record.layout.version, record.layout.score], ['scale', 2, 'none']);
  assert.deepEqual(
    record.layout.features.map(({ name }) => name),
    ['x[0]', 'x[1]', 'x[2]', 'x[3]'],
  );
  assert.deepEqual(record.layout.outputs, ['y[0]', 'y[1]', 'y[2]', 'y[3]']);

  const nameless = await infer(runtime.url, 'scale', { inputs: [{ ...inputs[0], shape: [1, 4], data: [1, 2, 3, 4] }] });
  const second = runtime.records()[1];
  assert.match(nameless.request_id, UUID_7);
  assert.equal(second.request_id, nameless.request_id);
  assert.equal(second.seq, record.seq + 1);
});

test('a model that runs on the socket thread is logged alike, and callers of one batch keep their own rows', async (t) => {
  const runtime = await startLogging(t, ['scale'], { inline_us: 1_000_000 });
  const send = (value: number) => {
    const data = Array.from({ length: 4 * (1 + (value % 3)) }, (_, index) => value + index);
    return infer(runtime.url, 'scale', {
      id: String(value),
      inputs: [{ name: 'x', datatype: 'FP32', shape: [data.length / 4, 4], data }],
    });
  };
  await Promise.all(Array.from({ length: 60 }, (_, value) => send(value)));
  const records = runtime.records();
  assert.equal(records.length, 60);
  for (const { request_id, num, output, rows } of records) {
    const value = Number(request_id);
    assert.equal(rows, 1 + (value % 3));
    const given = Array.from({ length: 4 * rows }, (_, index) => value + index);
    assert.deepEqual(num.flat(), given);
    assert.deepEqual(
      output.flat(),
      given.map((each) => 3 * each),
    );
  }
});

interface Case {
  readonly datatype: string;
  readonly data: readonly unknown[];
  /** What the log keeps of both rows. */
  readonly logged: readonly number[];
}

const IDENTITIES: readonly Case[] = [
  { datatype: 'BOOL', data: [true, false], logged: [1, 0] },
  { datatype: 'INT8', data: [-128, 127], logged: [-128, 127] },
  { datatype: 'INT16', data: [-32768, 32767], logged: [-32768, 32767] },
  { datatype: 'INT32', data: [-2147483648, 2147483647], logged: [-2147483648, 2147483647] },
  { datatype: 'INT64', data: [-9007199254740991, 9007199254740991], logged: [-9007199254740991, 9007199254740991] },
  { datatype: 'UINT8', data: [0, 255], logged: [0, 255] },
  { datatype: 'UINT16', data: [0, 65535], logged: [0, 65535] },
  { datatype: 'UINT32', data: [0, 4294967295], logged: [0, 4294967295] },
  { datatype: 'UINT64', data: [0, 9007199254740991], logged: [0, 9007199254740991] },
  { datatype: 'FP32', data: [0.1, -1e-40], logged: [Math.fround(0.1), Math.fround(-1e-40)] },
  { datatype: 'FP64', data: [0.1, -5e-324], logged: [0.1, -5e-324] },
];

test('every datatype is logged as the number that it is', async (t) => {
  const models = IDENTITIES.map(({ datatype }) => `identity_${datatype.toLowerCase()}`);
  const column = { shape: [-1, 1] };
  const manifest = { max_batch: 8, inputs: { INPUT0: column }, outputs: { OUTPUT0: column } };
  const manifests = Object.fromEntries(models.map((model) => [model, manifest]));
  const runtime = await startLogging(t, models, { from: TRITON_MODELS, manifests });
  for (const [index, { datatype, data, logged }] of IDENTITIES.entries()) {
    const inputs = [{ name: 'INPUT0', datatype, shape: [2, 1], data }];
    const { status } = await infer(runtime.url, models[index], { inputs });
    assert.equal(status, 200, datatype);
    const record = runtime.records().at(-1);
    assert.equal(record?.layout.model, models[index]);
    assert.deepEqual(record?.num.flat(), logged, datatype);
    assert.deepEqual(record?.output.flat(), logged, datatype);
  }
});

test('half-precision values are logged as the numbers that their bits mean', async (t) => {
  const runtime = await startLogging(t, ['half', 'brain']);
  const send = async (model: string, datatype: string, bits: readonly number[]) => {
    const json = JSON.stringify({
      inputs: [{ name: 'x', datatype, shape: [1, 2], parameters: { binary_data_size: 4 } }],
      parameters: { binary_data_output: true },
    });
    const body = Buffer.concat([Buffer.from(json), Buffer.from(Uint16Array.from(bits).buffer)]);
    const headers = { 'inference-header-content-length': String(json.length) };
    const response = await fetch(`${runtime.url}/v2/models/${model}/infer`, { method: 'POST', body, headers });
    assert.equal(response.status, 200);
    await response.arrayBuffer();
    return runtime.records().at(-1);
  };
  const half = await send('half', 'FP16', [0x3c00, 0x0001]);
  assert.deepEqual([half?.num, half?.output], [[[1, 2 ** -24]], [[1, 2 ** -24]]]);
  const brain = await send('brain', 'BF16', [0x3f80, 0xc040]);
  assert.deepEqual([brain?.num, brain?.output], [[[1, -3]], [[1, -3]]]);
});

test('strings are categories, and a row of too many bytes is kept as a digest', async (t) => {
  const runtime = await startLogging(t, ['text'], { manifests: { text: { log: { max_input_bytes: 64 } } } });
  const given = (data: readonly string[]) => ({
    inputs: [{ name: 'x', datatype: 'BYTES', shape: [data.length, 1], data }],
  });
  await infer(runtime.url, 'text', given(['Zürich', '']));
  const long = 'a'.repeat(70);
  await infer(runtime.url, 'text', given([long]));
  const [kept, digested] = runtime.records();
  assert.deepEqual(kept.cat, [['Zürich'], ['']]);
  assert.deepEqual(kept.output_text, [['Zürich'], ['']]);
  assert.equal(kept.digests, undefined);
  assert.deepEqual(digested.cat, [[]]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(70);
  const expected = createHash('sha256').update(length).update(long).digest('hex');
  assert.equal(Buffer.from(digested.digests?.[0] ?? []).toString('hex'), expected);
});

test('models that are not batched, stateful, of one value or of varying size are logged as what they are', async (t) => {
  const names = ['fixed', 'unnamed', 'scalar', 'ragged', 'accumulator', 'fragile', 'whole'];
  const runtime = await startLogging(t, names, { from: SERVING_MODELS });
  const last = () => runtime.records().at(-1);
  const x = (shape: readonly number[], data: readonly number[]) => ({
    inputs: [{ name: 'x', datatype: 'FP32', shape, data }],
  });

  await infer(runtime.url, 'fixed', x([2, 3], [1, 2, 3, 4, 5, 6]));
  assert.deepEqual([last()?.rows, last()?.num, last()?.output], [1, [[1, 2, 3, 4, 5, 6]], [[-1, -2, -3, -4, -5, -6]]]);

  await infer(runtime.url, 'scalar', x([], [7]));
  assert.deepEqual([last()?.num, last()?.output, last()?.score], [[[7]], [[7]], [7]]);
  assert.deepEqual(last()?.layout.features[0].name, 'x');
  assert.equal(last()?.layout.score, 'value');

  // A varying number of values a row has no names: it is kept as a digest, and an output of that kind is left out.
  await infer(runtime.url, 'ragged', x([2, 3], [1, 2, 3, 4, 5, 6]));
  assert.deepEqual([last()?.layout.inputs, last()?.num, last()?.output], ['digest', [[], []], [[6], [15]]]);
  const digest = (values: readonly number[]) =>
    createHash('sha256')
      .update(Buffer.from(Float32Array.from(values).buffer))
      .digest();
  assert.deepEqual(
    last()?.digests?.map((each) => Buffer.from(each)),
    [digest([1, 2, 3]), digest([4, 5, 6])],
  );
  await infer(runtime.url, 'unnamed', x([2, 4], [1, 2, 3, 4, 5, 6, 7, 8]));
  assert.deepEqual([last()?.rows, last()?.layout.outputs, last()?.output], [1, [], [[]]]);

  // State is neither a feature nor an outcome.
  const step = (parameters: object) => infer(runtime.url, 'accumulator', { ...x([1, 2], [1, 2]), parameters });
  await step({ sequence_id: 5, sequence_start: true });
  await step({ sequence_id: 5, sequence_end: true });
  assert.deepEqual([last()?.num, last()?.output, last()?.layout.outputs], [[[1, 2]], [[2, 4]], ['y[0]', 'y[1]']]);

  await infer(runtime.url, 'fragile', { inputs: [{ name: 'index', datatype: 'INT64', shape: [1, 1], data: [2] }] });
  assert.deepEqual([last()?.num, last()?.output], [[[2]], [[12]]]);
});

test('several inputs and outputs keep their order in the layout, whatever the order of the request', async (t) => {
  const runtime = await startLogging(t, ['add_sub_int32'], { from: TRITON_MODELS });
  const { inputs, outputs } = runtime.node.catalog.describe('add_sub_int32', '').signature;
  const width = inputs[0].shape.at(-1) ?? 1;
  const shape = inputs[0].shape.map((dim) => (dim < 0 ? 1 : dim));
  const a = Array.from({ length: width }, (_, index) => index);
  const b = a.map((value) => 100 * value);
  const tensors = [
    { name: inputs[1].name, datatype: 'INT32', shape, data: b },
    { name: inputs[0].name, datatype: 'INT32', shape, data: a },
  ];
  await infer(runtime.url, 'add_sub_int32', { inputs: tensors });
  const [record] = runtime.records();
  assert.deepEqual(record.num, [[...a, ...b]]);
  assert.equal(record.layout.features[0].name.replace('[0]', ''), inputs[0].name);
  const sums = a.map((value, index) => value + b[index]);
  const differences = a.map((value, index) => value - b[index]);
  assert.equal(outputs.length, 2);
  assert.deepEqual(record.output, [[...sums, ...differences]]);
});
