import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { isSampled, newRequestId } from '../../runtime/predict-log/request-id.js';
import { TRITON_MODELS } from '../harness/checkout.js';
import { infer, startLogging } from './log-rig.js';

const KEY = 'a key of the test';
const hashed = (value: string): string => createHmac('sha256', KEY).update(value).digest('hex').slice(0, 32);
const row = (data: readonly number[], extra: object = {}) => ({
  ...extra,
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], data }],
});

test('features have names, and what is redacted or hashed never reaches the disk', async (t) => {
  const log = {
    features: { x: ['age', 'income', 'postcode', 'score'] },
    redact: ['income'],
    hash: ['postcode', '@entity_key'],
    entity_key: { parameter: 'customer' },
    segments: { region: { parameter: 'region' }, age: { input: 'age' } },
  };
  const runtime = await startLogging(t, ['scale'], { manifests: { scale: { log } } });
  const parameters = { customer: 'anna', region: 'süd', other: 1 };
  await infer(runtime.url, 'scale', row([44, 50000, 8004, 0.5], { parameters }));
  await infer(runtime.url, 'scale', row([45, 50000, 8004, 0.5]));
  const [record, bare] = runtime.records();
  assert.deepEqual(record.num, [[44, Number.NaN, 0.5]]);
  assert.deepEqual(record.cat, [[hashed('8004')]]);
  assert.deepEqual(record.entity_keys, [hashed('anna')]);
  assert.deepEqual(record.segments, [['süd', '44']]);
  assert.deepEqual([bare.entity_keys, bare.segments, bare.cat], [[], [['', '45']], record.cat]);
  assert.deepEqual(
    record.layout.features.map(({ name, kind, privacy }) => [name, kind, privacy]),
    [
      ['age', 'numeric', 'plain'],
      ['income', 'numeric', 'redacted'],
      ['postcode', 'categorical', 'hashed'],
      ['score', 'numeric', 'plain'],
    ],
  );
});

test('rows that are too large are kept as digests, which are keyed where the manifest hides something', async (t) => {
  const values = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
  for (const [log, expected] of [
    [{ max_input_bytes: 15 }, createHash('sha256').update(values)],
    [{ max_input_bytes: 15, redact: ['x'] }, createHmac('sha256', KEY).update(values)],
  ] as const) {
    const runtime = await startLogging(t, ['scale'], { manifests: { scale: { log } } });
    await infer(runtime.url, 'scale', row([1, 2, 3, 4]));
    const [record] = runtime.records();
    assert.deepEqual([record.layout.inputs, record.layout.features, record.num], ['digest', [], [[]]]);
    assert.equal(Buffer.from(record.digests?.[0] ?? []).toString('hex'), expected.digest('hex'));
    assert.deepEqual(record.output, [[3, 6, 9, 12]]);
  }
});

test('entity keys and segments come from inputs, row by row, and whole numbers may be categories', async (t) => {
  const log = {
    categorical: ['INPUT0[1]'],
    entity_key: { input: 'INPUT1[0]' },
    segments: { kind: { input: 'INPUT0[1]' } },
  };
  const runtime = await startLogging(t, ['add_sub_int32'], {
    from: TRITON_MODELS,
    manifests: { add_sub_int32: { max_batch: 8, log } },
  });
  const numbers = (from: number) => Array.from({ length: 32 }, (_, index) => from + index);
  const tensor = (name: string, from: number) => ({ name, datatype: 'INT32', shape: [2, 16], data: numbers(from) });
  await infer(runtime.url, 'add_sub_int32', { inputs: [tensor('INPUT0', 0), tensor('INPUT1', 100)] });
  const [record] = runtime.records();
  assert.deepEqual(record.entity_keys, ['100', '116']);
  assert.deepEqual(record.segments, [['1'], ['17']]);
  assert.deepEqual(record.cat, [['1'], ['17']]);
  assert.deepEqual(record.num[0], [0, ...numbers(2).slice(0, 14), ...numbers(100).slice(0, 16)]);
});

test('labels tell class and score: the last of two, the chosen of more, or the one that is called positive', async (t) => {
  const labels = { PROBABILITIES: ['a', 'b', 'c', 'd'] };
  const data = [0.125, 0.25, 0.5, 0.125, 0.625, 0.125, 0.125, 0.125];
  const request = { inputs: [{ name: 'INPUT', datatype: 'FP32', shape: [2, 4], data }] };
  for (const [log, scores] of [
    [{}, [0.5, 0.625]],
    [{ positive_class: 'a' }, [0.125, 0.625]],
    [{ score: { output: 'PROBABILITIES', index: 1 } }, [0.25, 0.125]],
  ] as const) {
    const manifests = { classify: { max_batch: 8, labels, log } };
    const runtime = await startLogging(t, ['classify'], { from: TRITON_MODELS, manifests });
    await infer(runtime.url, 'classify', request);
    const [record] = runtime.records();
    assert.deepEqual(record.output.flat(), data, 'the model answers what it is given');
    assert.equal(record.layout.score, 'probability');
    assert.deepEqual(record.layout.classes, labels.PROBABILITIES);
    assert.deepEqual(record.class, ['c', 'a']);
    assert.deepEqual(record.score, scores);
  }
});

test('a name that the model does not have fails the load, and the nearest one is named', async (t) => {
  for (const [log, message] of [
    [{ redact: ['x[9]'] }, /log\.redact: the model has no input or feature 'x\[9\]': did you mean 'x\[\d\]'/],
    [{ features: { y: ['a'] } }, /log\.features: the model has no input 'y': did you mean 'x'/],
    [{ features: { x: ['a', 'b'] } }, /log\.features\.x has 2 names, the input has 4 elements a row/],
    [{ categorical: ['x'] }, /log\.categorical: 'x\[0\]' is FP32/],
    [{ score: { output: 'z' } }, /log\.score: the model has no output 'z': did you mean 'y'/],
    [{ positive_class: 'yes' }, /log\.positive_class: the classes of the model are not known/],
    [{ entity_key: { input: 'x' } }, /log\.entity_key: input 'x' has 4 elements a row: name one/],
    [{ class: { output: 'y' } }, /log\.class: output 'y' tells no class/],
  ] as const) {
    const runtime = await startLogging(t, ['scale'], { manifests: { scale: { log } } });
    const entry = runtime.node.catalog.index().find(({ name }) => name === 'scale');
    assert.equal(entry?.state, 'UNAVAILABLE');
    assert.match(entry?.reason ?? '', message);
  }
});

test('a share is chosen by the ids of requests, the same ones every time, and about as many as it says', async (t) => {
  const runtime = await startLogging(t, ['scale'], { manifests: { scale: { log: { predictions: 0.3 } } } });
  const ids = Array.from({ length: 100 }, (_, index) => `request ${index}`);
  const tokens = await Promise.all(
    ids.map(async (id) => (await infer(runtime.url, 'scale', row([1, 2, 3, 4], { id }))).token),
  );
  const chosen = ids.filter((id) => isSampled(id, 0.3));
  assert.deepEqual(
    ids.filter((_, index) => tokens[index] !== ''),
    chosen,
  );
  assert.deepEqual(
    runtime
      .records()
      .map(({ request_id }) => request_id)
      .sort(),
    [...chosen].sort(),
  );
  assert.ok(runtime.records().every(({ share }) => share === Math.fround(0.3)));
  const count = Array.from({ length: 20_000 }, (_, index) => isSampled(`r${index}`, 0.3)).filter(Boolean).length;
  assert.ok(Math.abs(count - 6000) < 300, `${count} of 20000`);
  assert.equal(new Set(Array.from({ length: 1000 }, () => newRequestId(0))).size, 1000);
});

test('nothing is logged where the manifest says none, and failures only where it asks for them', async (t) => {
  const logs = { predictions: 'none' };
  const manifests = { scale: { log: logs }, fragile: { log: { failures: true } } };
  const runtime = await startLogging(t, ['scale', 'fragile'], { manifests });
  assert.equal((await infer(runtime.url, 'scale', row([1, 2, 3, 4]))).token, '');
  const index = (data: readonly unknown[], shape = [1, 1]) => ({
    id: 'f',
    inputs: [{ name: 'index', datatype: 'INT64', shape, data }],
  });
  const failed = await infer(runtime.url, 'fragile', index([99]));
  assert.deepEqual([failed.status, failed.token, failed.body.code], [500, '', 'BACKEND_FAILED']);
  const refused = await infer(runtime.url, 'fragile', index([1, 2], [1, 2]));
  assert.equal(refused.body.code, 'INVALID_SHAPE');
  await infer(runtime.url, 'fragile', index([1]));
  const found = runtime.records().map(({ outcome, num, output, request_id }) => ({ outcome, num, output, request_id }));
  assert.deepEqual(found, [
    { outcome: 'BACKEND_FAILED', num: [[99]], output: [[]], request_id: 'f' },
    { outcome: 'INVALID_SHAPE', num: [[]], output: [[]], request_id: 'f' },
    { outcome: 'ok', num: [[1]], output: [[11]], request_id: 'f' },
  ]);
});

test('a WebSocket message is logged like a request, and its answer says where', async (t) => {
  const runtime = await startLogging(t, ['scale']);
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const socket = new WebSocket(`ws://127.0.0.1:${runtime.port}/v2/ws`, 'tidegate.v1', { headers: { traceparent } });
  t.after(() => socket.terminate());
  const answers: unknown[] = [];
  const answered = new Promise<void>((resolve) => {
    socket.on('message', (text) => {
      const { type, parameters }: { type: string; parameters?: unknown } = JSON.parse(String(text));
      if (type === 'result') answers.push(parameters);
      if (answers.length === 2) resolve();
    });
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'open', stream: 1, model: 'scale' }));
  socket.send(JSON.stringify({ type: 'infer', stream: 1, ...row([1, 2, 3, 4], { id: 'mine' }) }));
  socket.send(JSON.stringify({ type: 'infer', stream: 1, ...row([5, 6, 7, 8]) }));
  await answered;
  const records = runtime.records();
  assert.deepEqual(
    records.map(({ face, num, trace_id }) => [face, num, trace_id]),
    [
      ['websocket', [[1, 2, 3, 4]], '0af7651916cd43dd8448eb211c80319c'],
      ['websocket', [[5, 6, 7, 8]], '0af7651916cd43dd8448eb211c80319c'],
    ],
  );
  const [mine, second] = records.map(({ epoch, seq }) => `edge-1:${epoch}:${seq}`);
  const id = records[1].request_id;
  assert.deepEqual(answers, [{ 'tidegate-log': mine }, { 'tidegate-log': second, 'tidegate-request-id': id }]);
});

test('with log_fsync each, an answer leaves when its record is on the disk, and says so', async (t) => {
  const runtime = await startLogging(t, ['scale'], { log_fsync: 'each' });
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, value) => infer(runtime.url, 'scale', row([value, 1, 2, 3]))),
  );
  const records = runtime.records();
  const bySeq = new Map(records.map((record) => [`edge-1:${record.epoch}:${record.seq}`, record]));
  for (const [value, { token, body, request_id }] of answers.entries()) {
    assert.deepEqual(bySeq.get(token)?.num, [[value, 1, 2, 3]]);
    assert.equal(bySeq.get(token)?.request_id, request_id);
    assert.deepEqual(body.outputs?.[0].data, [3 * value, 3, 6, 9]);
  }
  const metrics = await (await fetch(`${runtime.url}/metrics`)).text();
  assert.match(metrics, /^tidegate_log_records_total 40$/m);
  assert.ok(Number(/^tidegate_log_syncs_total (\d+)$/m.exec(metrics)?.[1]) >= 1);
});
