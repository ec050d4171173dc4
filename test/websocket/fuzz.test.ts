import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ServerMessageSchema } from '../../contract/ws-message.js';
import { binaryFrame, infer, type Recorder, rig } from './rig.js';

const TENSOR = new Uint8Array(Float32Array.of(1, 2).buffer);

const FRAMES: readonly (readonly [Uint8Array, boolean])[] = [
  [Buffer.from(JSON.stringify({ type: 'open', stream: 2, model: 'echo', outputs: [{ name: 'y' }] })), false],
  [Buffer.from(JSON.stringify(infer(1, 'idé'))), false],
  [
    binaryFrame(
      {
        type: 'infer',
        stream: 1,
        id: 'b',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }],
      },
      TENSOR,
    ),
    true,
  ],
  [Buffer.from('{"type":"cancel","stream":1,"id":"\\u00e9"}'), false],
  [Buffer.from('{"type":"close","stream":2}'), false],
  [Buffer.from('{"type":"ping","id":"p"}'), false],
];

/** The connection still serves, or ended in a way that is documented. */
function stillServes(client: Recorder): void {
  for (const message of client.heard()) ServerMessageSchema.parse(message);
  assert.equal(client.closed, undefined);
  assert.equal(client.terminated, false);
  client.say({ type: 'ping', id: 'alive' });
  assert.deepEqual(client.heard(), [{ type: 'pong', id: 'alive' }]);
}

test('every frame, cut at every byte, is answered or refused, and the connection goes on', () => {
  const { client, inference, faults } = rig();
  client.say({ type: 'open', stream: 1, model: 'echo' });
  for (const [frame, binary] of FRAMES) {
    for (let length = 0; length <= frame.length; length++) {
      client.sayBytes(frame.subarray(0, length), binary);
      client.sayBytes(frame.subarray(length), !binary);
      inference.answerAll();
      stillServes(client);
    }
  }
  assert.deepEqual(faults, []);
});

test('every frame with bytes changed is answered or refused, and the connection goes on', () => {
  const change = fc.record({ frame: fc.nat(FRAMES.length - 1), at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 20 }), (changes) => {
      const { client, inference, faults } = rig();
      client.say({ type: 'open', stream: 1, model: 'echo' });
      for (const { frame, at, to } of changes) {
        const [bytes, binary] = FRAMES[frame];
        const changed = Uint8Array.from(bytes);
        changed[at % changed.length] = to;
        client.sayBytes(changed, binary);
        inference.answerAll();
        stillServes(client);
      }
      assert.deepEqual(faults, []);
    }),
    { numRuns: 300 },
  );
});

test('random bytes never stop the connection', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (bytes, binary) => {
      const { client, faults } = rig();
      client.sayBytes(bytes, binary);
      stillServes(client);
      assert.deepEqual(faults, []);
    }),
    { numRuns: 500 },
  );
});
