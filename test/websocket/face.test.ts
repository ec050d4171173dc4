import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidegateError } from '../../contract/error.js';
import { binaryFrame, infer, messageOf, open, refusal, rig } from './rig.js';

test('only the path /v2/ws with the subprotocol tidegate.v1 is upgraded', () => {
  const { face } = rig();
  assert.equal(face.choose('/v2/ws', ['other', 'tidegate.v1']), 'tidegate.v1');
  assert.equal(face.choose('/v2/ws', ['other']), undefined);
  assert.equal(face.choose('/v2/ws', []), undefined);
  assert.equal(face.choose('/', ['tidegate.v1']), undefined);
});

test('opening tells version, credits and signature; state is the server’s own and not part of it', () => {
  const { client } = rig({ ws_credits: 7 });
  assert.deepEqual(open(client, { model: 'counter', version: 'old' }), {
    type: 'opened',
    stream: 1,
    model: 'counter',
    version: '1',
    order: 'ordered',
    credits: 7,
    stateful: true,
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
  });
});

test('a model whose answers are large begins with fewer credits than the limit says', () => {
  const { client } = rig();
  const inText = open(client, { model: 'wide', stream: 1 });
  assert.equal(inText.type === 'opened' && inText.credits, 3);
  const inBinary = open(client, { model: 'wide', stream: 2, parameters: { binary_data_output: true } });
  assert.equal(inBinary.type === 'opened' && inBinary.credits, 15);
});

test('what cannot be opened is refused and leaves the connection usable', () => {
  const { client } = rig({ ws_max_streams: 2 });
  const refused = (message: Record<string, unknown>): string => {
    client.say(message);
    return refusal(client).code;
  };
  assert.equal(refused({ type: 'open', stream: 1, model: 'nobody' }), 'MODEL_NOT_FOUND');
  assert.equal(refused({ type: 'open', stream: 1, model: 'echo', version: 9 }), 'MODEL_NOT_FOUND');
  assert.equal(refused({ type: 'open', stream: -1, model: 'echo' }), 'PROTOCOL_VIOLATION');
  assert.equal(refused({ type: 'open', stream: 1 }), 'PROTOCOL_VIOLATION');
  assert.equal(refused({ type: 'open', stream: 1, model: 'echo', ordr: 'ready' }), 'PROTOCOL_VIOLATION');
  open(client);
  assert.equal(refused({ type: 'open', stream: 1, model: 'echo' }), 'PROTOCOL_VIOLATION');
  open(client, { stream: 2 });
  assert.equal(refused({ type: 'open', stream: 3, model: 'echo' }), 'TOO_MANY_STREAMS');
});

test('a text message is answered in text, a binary one with binary outputs in a binary frame', () => {
  const { client, inference } = rig();
  open(client);
  client.say(infer(1, 'a', [1, 2.5]));
  inference.answerAll();
  assert.equal(
    client.frames.at(-1),
    '{"type":"result","stream":1,"credits":1,"model_name":"echo","model_version":"2","id":"a","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[1,2.5]}]}',
  );
  const tensor = new Uint8Array(Float32Array.of(3, 4).buffer);
  const message = {
    type: 'infer',
    stream: 1,
    id: 'b',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }],
    outputs: [{ name: 'y', parameters: { binary_data: true } }],
  };
  client.sayBytes(binaryFrame(message, tensor), true);
  inference.answerAll();
  const frame = client.frames.at(-1);
  assert.ok(frame instanceof Uint8Array);
  assert.deepEqual(Uint8Array.from(frame.subarray(-8)), tensor);
  const result = messageOf(frame);
  assert.deepEqual(result.type === 'result' && result.outputs[0].parameters, { binary_data_size: 8 });
});

test('members may come in any order, as encoders that sort them write them', () => {
  const { client, inference } = rig();
  open(client);
  client.sayText(
    '{"extra":{"a":[1]},"id":"z","inputs":[{"data":[1,2],"datatype":"FP32","name":"x","shape":[1,2]}],"stream":1,"type":"infer"}',
  );
  inference.answerAll();
  const [result] = client.heard();
  assert.equal(result.type === 'result' && result.id, 'z');
});

test('what a stream was opened with holds for its messages: outputs, binary answers, classes, priority, deadline', () => {
  const { client, inference } = rig();
  open(client, {
    outputs: [{ name: 'y', parameters: { classification: 1 } }],
    parameters: { binary_data_output: true, priority: 2 },
    timeout_us: 5000,
  });
  client.say(infer(1, 'a', [1, 9]));
  client.say({ ...infer(1, 'b'), outputs: [{ name: 'y' }], parameters: { timeout: 70, priority: 1 } });
  const [first, second] = inference.requests;
  assert.deepEqual([first.timeout_us, first.priority, first.binary_output], [5000, 2, true]);
  assert.deepEqual([second.timeout_us, second.priority], [70, 1]);
  inference.answerAll();
  const frame = client.frames.at(-2);
  assert.ok(frame instanceof Uint8Array);
  assert.ok(Buffer.from(frame).toString('latin1').endsWith('9.000000:1:storm'));
});

test('ordered streams hold answers back for earlier ones, ready streams do not, and one stream never waits for another', () => {
  const { client, inference } = rig();
  open(client, { stream: 1 });
  open(client, { stream: 2, order: 'ready' });
  for (const stream of [1, 2]) for (const id of ['a', 'b']) client.say(infer(stream, id));
  const [a1, b1, a2, b2] = [...inference.held];
  const answered = (): string[] =>
    client.heard().map((message) => ('id' in message && 'stream' in message ? `${message.stream}${message.id}` : '?'));
  inference.answer(b1);
  assert.deepEqual(answered(), []);
  inference.answer(b2);
  assert.deepEqual(answered(), ['2b']);
  inference.fail(a1, new TidegateError('WORKER_LOST', 'the worker died'));
  assert.deepEqual(answered(), ['1a', '1b']);
  inference.answer(a2);
  assert.deepEqual(answered(), ['2a']);
});

test('a message beyond the credits is refused at once, out of order, and the stream goes on', () => {
  const { client, inference } = rig({ ws_credits: 2 });
  open(client);
  for (const id of ['a', 'b', 'c']) client.say(infer(1, id));
  const error = refusal(client);
  assert.deepEqual([error.code, error.id, error.credits, error.retryable], ['CREDIT_EXCEEDED', 'c', undefined, true]);
  inference.answerAll();
  assert.equal(client.heard().length, 2);
  client.say(infer(1, 'c'));
  inference.answerAll();
  assert.equal(client.heard()[0].type, 'result');
});

test('a faulty message is answered with its stream and id, and the next one works', () => {
  const { client, inference } = rig();
  open(client, { order: 'ready' });
  const cases: [unknown, string][] = [
    [{ ...infer(1, 'm'), inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2] }] }, 'INVALID_SHAPE'],
    [{ ...infer(1, 'm'), inputs: [{ name: 'x', datatype: 'FP33', shape: [1, 2], data: [1, 2] }] }, 'INVALID_DATATYPE'],
    [{ ...infer(1, 'm'), inputs: [] }, 'INVALID_TENSOR_NAME'],
    [{ ...infer(1, 'm'), inputs: undefined }, 'INVALID_REQUEST'],
    [{ ...infer(1, 'm'), parameters: { timeout: -1 } }, 'INVALID_PARAMETER'],
    [{ type: 'infer', stream: 1, inputs: 7, id: 'm' }, 'INVALID_REQUEST'],
  ];
  for (const [message, code] of cases) {
    client.say(message);
    const error = refusal(client);
    assert.deepEqual([error.code, error.stream, error.id, error.credits], [code, 1, 'm', 1], error.error);
  }
  client.sayText('{"type":"infer","stream":1,"id":"m","inputs":[{"name"');
  assert.deepEqual([refusal(client).code], ['INVALID_JSON']);
  client.say({ ...infer(1, 'm'), id: undefined });
  assert.match(refusal(client).error, /need an 'id'/);
  client.say(infer(1, 'twice'));
  client.say(infer(1, 'twice'));
  assert.equal(refusal(client).code, 'INVALID_REQUEST');
  inference.answerAll();
  assert.equal(client.heard()[0].type, 'result');
});

test('what is no message of the protocol is an error without credits, and the connection goes on', () => {
  const { client } = rig();
  open(client);
  const texts: [string, string][] = [
    ['', 'INVALID_JSON'],
    ['nonsense', 'INVALID_JSON'],
    ['[]', 'PROTOCOL_VIOLATION'],
    ['{}', 'PROTOCOL_VIOLATION'],
    ['{"type":"dance"}', 'PROTOCOL_VIOLATION'],
    ['{"type":7}', 'INVALID_REQUEST'],
    ['{"type":"infer"}', 'PROTOCOL_VIOLATION'],
    ['{"type":"infer","stream":1.5}', 'PROTOCOL_VIOLATION'],
    ['{"type":"infer","stream":4294967296}', 'PROTOCOL_VIOLATION'],
    ['{"type":"infer","stream":9,"inputs":[]}', 'PROTOCOL_VIOLATION'],
    ['{"type":"close","stream":9}', 'PROTOCOL_VIOLATION'],
    ['{"type":"cancel","stream":9,"id":"a"}', 'PROTOCOL_VIOLATION'],
    ['{"type":"ping"} {"type":"ping"}', 'INVALID_JSON'],
    [`{"type":"ping","a":${'['.repeat(200)}${']'.repeat(200)}}`, 'INVALID_JSON'],
  ];
  for (const [text, code] of texts) {
    client.sayText(text);
    const error = refusal(client);
    assert.deepEqual([error.code, error.credits], [code, undefined], `${text}: ${error.error}`);
  }
  for (const bytes of [[], [1, 0, 0], [255, 255, 255, 255], [2, 0, 0, 0, 0x7b]]) {
    client.sayBytes(Uint8Array.from(bytes), true);
    assert.equal(refusal(client).code, 'INVALID_BINARY');
  }
  client.sayBytes(binaryFrame({ type: 'ping' }, Uint8Array.of(1)), true);
  assert.equal(refusal(client).code, 'INVALID_BINARY');
  client.sayBytes(binaryFrame({ type: 'ping', id: 'here' }), true);
  assert.deepEqual(client.heard(), [{ type: 'pong', id: 'here' }]);
});
