import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binaryFrame, infer, open, refusal, rig } from './rig.js';

test('cancel drops what is in flight and answers CANCELLED in its place; what was answered already is left alone', () => {
  const { client, inference } = rig();
  open(client);
  for (const id of ['a', 'b', 'c', 'd']) client.say(infer(1, id));
  client.say({ type: 'cancel', stream: 1, id: 'b' });
  assert.equal(inference.held.length, 3);
  assert.deepEqual(client.heard(), [], 'an ordered stream keeps the place of what was cancelled');
  inference.answer(inference.held[0]);
  assert.deepEqual(
    client.heard().map((message) => [message.type, 'id' in message ? message.id : '']),
    [
      ['result', 'a'],
      ['error', 'b'],
    ],
  );
  client.say({ type: 'cancel', stream: 1, id: 'a' });
  assert.deepEqual(client.heard(), []);
  client.say({ type: 'cancel', stream: 1 });
  assert.equal(inference.held.length, 0);
  assert.deepEqual(
    client.heard().map((message) => message.type === 'error' && message.code),
    ['CANCELLED', 'CANCELLED'],
  );
});

test('closing a stream answers what is in flight first; its number is free again afterwards', () => {
  const { client, inference } = rig();
  open(client);
  client.say(infer(1, 'a'));
  client.say({ type: 'close', stream: 1 });
  client.say(infer(1, 'late'));
  assert.equal(refusal(client).code, 'PROTOCOL_VIOLATION');
  inference.answerAll();
  assert.deepEqual(
    client.heard().map(({ type }) => type),
    ['result', 'closed'],
  );
  assert.equal(open(client).type, 'opened');
});

test('a stateful stream is one sequence: started by its first admitted message, kept apart from others, dropped with it', () => {
  const { client, inference } = rig();
  open(client, { stream: 1, model: 'counter' });
  open(client, { stream: 2, model: 'counter' });
  client.say({ ...infer(1, 'bad'), inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: ['a', 2] }] });
  for (const stream of [1, 2, 1, 1]) client.say(infer(stream, '', [stream, 10]));
  inference.answerAll();
  const sums = client.heard().flatMap((message) => (message.type === 'result' ? [message.outputs[0].data] : []));
  assert.deepEqual(sums, [
    [1, 10],
    [2, 10],
    [2, 20],
    [3, 30],
  ]);
  client.say({ ...infer(1, 'own'), parameters: { sequence_id: 5 } });
  assert.equal(refusal(client).code, 'INVALID_PARAMETER');
  client.say({ ...infer(1, 'anew', [7, 7]), parameters: { sequence_start: true } });
  inference.answerAll();
  const [anew] = client.heard();
  assert.deepEqual(anew.type === 'result' && anew.outputs[0].data, [7, 7]);
  client.say({ type: 'close', stream: 1 });
  assert.equal(inference.ended.length, 1);
  client.close(1000, '');
  assert.equal(inference.ended.length, 2);
  assert.equal(new Set(inference.ended).size, 2);
});

test('a stateful stream whose state was dropped says so and ends; a new one can be opened', () => {
  const { client, inference } = rig();
  open(client, { model: 'counter' });
  client.say(infer(1, 'a'));
  inference.answerAll();
  inference.sums.clear();
  client.heard();
  client.say(infer(1, 'b'));
  const [error, closed] = client.heard();
  assert.equal(error.type === 'error' && error.code, 'SEQUENCE_NOT_FOUND');
  assert.deepEqual(closed, { type: 'closed', stream: 1, reason: 'state_lost' });
  assert.equal(open(client, { model: 'counter' }).type, 'opened');
});

test('when the client is gone, everything of it is cancelled', () => {
  const { client, inference, face } = rig();
  open(client);
  for (const id of ['a', 'b']) client.say(infer(1, id));
  client.close(1001, '');
  assert.equal(inference.held.length, 0);
  assert.deepEqual([face.open_connections, face.open_streams], [0, 0]);
});

test('an output that JSON cannot carry is an error of its message alone', () => {
  const { client, inference } = rig();
  open(client);
  const nan = new Uint8Array(Float32Array.of(Number.NaN, 1).buffer);
  const message = {
    ...infer(1, 'nan'),
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }],
  };
  client.sayBytes(binaryFrame(message, nan), true);
  inference.answerAll();
  assert.equal(refusal(client).code, 'INVALID_VALUE');
});

test('a failure of the program is INTERNAL to the client and whole in the log', () => {
  const { client, inference, faults } = rig();
  open(client);
  client.say(infer(1, 'a'));
  inference.held[0].outputs.splice(0, 1, { name: 'y', datatype: 'FP32', shape: [1, 1], bytes: new Uint8Array(3) });
  const [held] = inference.held;
  Object.defineProperty(held.outputs[0], 'datatype', {
    get() {
      throw new TypeError('secret detail');
    },
  });
  inference.answerAll();
  const error = refusal(client);
  assert.equal(error.code, 'INTERNAL', error.error);
  assert.doesNotMatch(error.error, /secret/);
  assert.equal(faults.length, 1);
});

test('a stopping node admits nothing more, answers what is in flight, and closes with 1001', async () => {
  const { client, inference, face } = rig();
  open(client);
  open(client, { stream: 2, model: 'counter' });
  client.say(infer(1, 'a'));
  const gone = face.goingAway(5000);
  assert.deepEqual(client.heard(), [{ type: 'going_away', deadline_ms: 5000 }]);
  client.say(infer(1, 'b'));
  client.say({ type: 'open', stream: 3, model: 'echo' });
  assert.equal(refusal(client).code, 'SHUTTING_DOWN');
  assert.equal(client.closed, undefined);
  inference.answerAll();
  assert.deepEqual(
    client.heard().map((message) => (message.type === 'error' ? message.code : message.type)),
    ['result', 'SHUTTING_DOWN'],
  );
  assert.equal((client.closed as { code: number } | undefined)?.code, 1001);
  await gone;
  assert.equal(face.open_connections, 0);
});

test('a stopping node drops what is not done by its deadline', async () => {
  const { client, inference, face } = rig();
  open(client);
  client.say(infer(1, 'a'));
  await face.goingAway(5);
  assert.equal(client.terminated, true);
  assert.equal(inference.held.length, 0);
});
