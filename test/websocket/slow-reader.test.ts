import assert from 'node:assert/strict';
import { test } from 'node:test';
import { infer, messageOf, Recorder, rig } from './rig.js';

const MARK = 10_000;

test('above the buffered mark answers return no credits; once the client has read, it gets them all', () => {
  const { client, inference } = rig({ ws_buffered_bytes: 300, ws_credits: 4 });
  client.say({ type: 'open', stream: 1, model: 'echo' });
  client.heard();
  client.reading = false;
  for (let i = 0; i < 4; i++) {
    client.say(infer(1, `m${i}`));
    inference.answerAll();
  }
  assert.equal(client.heard().length, 2, 'the socket gets no more than the mark and one frame');
  client.read();
  const messages = client.frames.slice(1).map(messageOf);
  const credits = messages.map((message) => ('credits' in message ? message.credits : undefined));
  assert.deepEqual(credits, [1, 1, 0, 0, 2]);
  assert.deepEqual(messages[4], { type: 'credit', stream: 1, credits: 2 });
});

test('a slow reader slows only itself', () => {
  const { client, inference, face } = rig({ ws_buffered_bytes: 300, ws_credits: 4 });
  const other = new Recorder(face);
  for (const one of [client, other]) one.say({ type: 'open', stream: 1, model: 'echo' });
  client.reading = false;
  for (let i = 0; i < 40; i++) {
    client.say(infer(1, `m${i}`));
    other.say(infer(1, `m${i}`));
    inference.answerAll();
  }
  assert.equal(other.heard().filter(({ type }) => type === 'result').length, 40);
});

test('a client that never reads and sends within its credits costs a bounded amount of memory', () => {
  const { client, inference } = rig({ ws_buffered_bytes: MARK });
  inference.grow = 8;
  for (let stream = 0; stream < 100; stream++) {
    client.say({ type: 'open', stream, model: 'echo', parameters: { binary_data_output: true } });
  }
  client.heard();
  client.reading = false;
  const credits = new Map<number, number>();
  for (let round = 0; round < 300; round++) {
    const stream = round % 100;
    if ((credits.get(stream) ?? 64) === 0) continue;
    client.say(infer(stream, `m${round}`, Array(16).fill(round)));
    if (round % 7 === 0) inference.answerAll();
    for (const message of client.heard()) {
      if (message.type === 'result' || message.type === 'error') {
        credits.set(message.stream ?? -1, (credits.get(message.stream ?? -1) ?? 64) - 1 + (message.credits ?? 0));
      }
    }
  }
  inference.answerAll();
  assert.equal(client.terminated, false);
  // Answers stop at four marks; refusals, which are short, are bounded by the credits that remain.
  assert.ok(client.most_unsent_bytes < 4 * MARK + 100 * 64 * 450, `${client.most_unsent_bytes} bytes`);
  const results = client.frames.filter((frame) => frame instanceof Uint8Array);
  assert.ok(results.reduce((sum, frame) => sum + frame.length, 0) <= 4 * MARK + 2000);
});

for (const [flood, message] of [
  ['pings', { type: 'ping' }],
  ['messages beyond its credits', infer(1, 'm')],
  ['openings', { type: 'open', stream: 1, model: 'nobody' }],
  ['nonsense', 7],
] as const) {
  test(`a client that never reads and floods the server with ${flood} is dropped at four times the mark`, () => {
    const { client, inference } = rig({ ws_buffered_bytes: MARK });
    client.say({ type: 'open', stream: 1, model: 'echo' });
    client.reading = false;
    for (let i = 0; i < 5000 && !client.terminated; i++) client.say(message);
    assert.equal(client.terminated, true);
    assert.ok(client.most_unsent_bytes < 4 * MARK + 1000, `${client.most_unsent_bytes} bytes`);
    assert.equal(inference.held.length, 0);
  });
}

test('answers held back for an earlier one count as unsent: they pause the stream, too', () => {
  const { client, inference } = rig({ ws_buffered_bytes: 300, ws_credits: 8 });
  client.say({ type: 'open', stream: 1, model: 'echo' });
  client.heard();
  for (let i = 0; i < 4; i++) client.say(infer(1, `m${i}`));
  const [first, ...rest] = [...inference.held];
  for (const held of rest) inference.answer(held);
  assert.deepEqual(client.heard(), []);
  inference.answer(first);
  const heard = client.heard();
  assert.deepEqual(
    heard.map(({ type }) => type),
    ['result', 'result', 'result', 'result', 'credit'],
  );
  const credits = heard.reduce((sum, message) => sum + ('credits' in message ? (message.credits ?? 0) : 0), 0);
  assert.equal(credits, 4);
});
