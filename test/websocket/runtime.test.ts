import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type StreamingConnection, TidegateClient } from '../../client/index.js';
import { SOCKETS, startRuntime } from '../harness/runtime.js';
import { uwsMissing } from '../harness/uws.js';

async function connectTo(t: TestContext, url: string): Promise<StreamingConnection> {
  const connection = await new TidegateClient(url).connect({ reconnect: false });
  t.after(() => connection.close());
  return connection;
}

const MODELS = fileURLToPath(new URL('../../../test/fixtures/serving', import.meta.url));

/** Streams against a whole node: real models, real threads. */
for (const socket of SOCKETS) {
  const skip = socket === 'uws' && uwsMissing;

  test(`${socket}: a hundred stateful streams at once keep their sums apart`, { skip }, async (t) => {
    const { url } = await startRuntime(t, MODELS, { socket });
    const connection = await connectTo(t, url);
    const sums = await Promise.all(
      [...Array(100).keys()].map(async (s) => {
        const stream = await connection.openStream('accumulator');
        assert.equal(stream.stateful, true);
        assert.deepEqual(
          stream.inputs.map(({ name }) => name),
          ['x'],
        );
        const results = await Promise.all([1, 2, 3, 4, 5].map((i) => stream.infer({ x: Float32Array.of(s, i) })));
        await stream.close();
        return results.map(({ outputs }) => [...outputs['y'].data]);
      }),
    );
    const expected = [...Array(100).keys()].map((s) => [1, 3, 6, 10, 15].map((sum, i) => [s * (i + 1), sum]));
    assert.deepEqual(sums, expected);
    await connection.close();
  });

  test(`${socket}: versions, strings and half precision over one connection`, { skip }, async (t) => {
    const { url } = await startRuntime(t, MODELS, { socket });
    const connection = await connectTo(t, url);
    const scale = await connection.openStream('scale', { version: 2 });
    const { version, outputs } = await scale.infer({ x: [1, 2, 3, 4] });
    assert.equal(version, '2');
    assert.deepEqual(outputs['y'].data, Float32Array.of(3, 6, 9, 12));
    const text = await connection.openStream('text');
    const [input] = text.inputs;
    const echoed = await text.infer({ [input.name]: ['grüße', 'ahoi'] });
    assert.deepEqual(Object.values(echoed.outputs)[0].data, ['grüße', 'ahoi']);
    const half = await connection.openStream('half');
    const halves = await half.infer({ [half.inputs[0].name]: Uint16Array.of(0x3c00, 0xc000) });
    assert.deepEqual(Object.values(halves.outputs)[0].data, Uint16Array.of(0x3c00, 0xc000));
    await connection.close();
  });

  test(`${socket}: expired and cancelled messages are answered, and the stream goes on`, { skip }, async (t) => {
    const { url } = await startRuntime(t, MODELS, { socket });
    const connection = await connectTo(t, url);
    const stream = await connection.openStream('slow');
    const busy = stream.infer({ x: [400] });
    const abort = new AbortController();
    const late = stream.infer({ x: [0] }, { timeout_us: 1 });
    const unwanted = stream.infer({ x: [0] }, { signal: abort.signal });
    const outcomes = Promise.allSettled([late, unwanted]);
    abort.abort();
    await busy;
    const codes = (await outcomes).map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'answered'));
    assert.deepEqual(codes, ['DEADLINE_EXPIRED', 'CANCELLED']);
    assert.deepEqual((await stream.infer({ x: [0] })).outputs['y'].data, Float32Array.of(0));
    await connection.close();
  });

  test(`${socket}: a node that stops answers what is in flight on its streams`, { skip }, async (t) => {
    const { url, node } = await startRuntime(t, MODELS, { socket });
    const connection = await connectTo(t, url);
    const stream = await connection.openStream('slow');
    const flying = [200, 1, 1].map((x) => stream.infer({ x: [x] }));
    await stream.ready;
    // What was sent has been read by the server once it answers what was sent behind it.
    await connection.openStream('scale');
    const stopped = node.stop();
    const answers = await Promise.all(flying);
    assert.deepEqual(
      answers.map(({ outputs }) => outputs['y'].data[0]),
      [200, 1, 1],
    );
    assert.equal(await stopped, true);
    assert.equal(connection.state, 'closed');
  });
}
