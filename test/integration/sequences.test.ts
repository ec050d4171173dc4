import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidegateClient } from '../../client/index.js';
import { type Asked, ask, countersOf, floats, until, valuesOf } from '../harness/ask.js';
import { modelFolder } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';

interface Turn {
  readonly sequence: number | string;
  readonly start?: boolean;
  readonly end?: boolean;
}

function add(url: string, value: number, { sequence, start = false, end = false }: Turn): Promise<Asked> {
  const parameters = { sequence_id: sequence, sequence_start: start, sequence_end: end };
  return ask(url, 'accumulator', [floats('x', [[value, 10 * value]])], { parameters });
}

test('sequences of many callers keep their own sums, in order, while their rows share batches', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['accumulator']));
  const callers = Array.from({ length: 30 }, async (_, caller) => {
    // A number and a string that look alike are two sequences.
    const sequence = caller % 2 === 0 ? 1 + Math.floor(caller / 2) : String(1 + Math.floor(caller / 2));
    let sum = 0;
    for (let turn = 0; turn < 20; turn++) {
      sum += caller + turn;
      const { outputs, error } = await add(url, caller + turn, { sequence, start: turn === 0, end: turn === 19 });
      assert.deepEqual(outputs.y, [sum, 10 * sum], error);
    }
    assert.equal((await add(url, 1, { sequence })).code, 'SEQUENCE_NOT_FOUND');
  });
  await Promise.all(callers);
  const { rows, batches } = await countersOf(url, 'accumulator');
  assert.equal(rows, 600);
  assert.ok(batches < rows, `${batches} batches for ${rows} rows`);
});

test('a sequence that was never started is refused, and a start forgets what came before', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['accumulator']));
  const refused = await add(url, 1, { sequence: 5 });
  assert.deepEqual({ status: refused.status, code: refused.code }, { status: 400, code: 'SEQUENCE_NOT_FOUND' });
  assert.deepEqual((await add(url, 1, { sequence: 5, start: true })).outputs.y, [1, 10]);
  assert.deepEqual((await add(url, 2, { sequence: 5 })).outputs.y, [3, 30]);
  assert.deepEqual((await add(url, 7, { sequence: 5, start: true })).outputs.y, [7, 70]);
});

test('the state of a sequence that nobody continues is dropped', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['accumulator']), { limits: { sequence_idle_ms: 200 } });
  assert.equal((await add(url, 1, { sequence: 'idle', start: true })).status, 200);
  await new Promise((resolve) => setTimeout(resolve, 400));
  // Asking counts as continuing: so it is asked once in a while, longer than the limit.
  await until('it is gone', async () => {
    const { code } = await add(url, 1, { sequence: 'idle' });
    if (code === 'SEQUENCE_NOT_FOUND') return true;
    await new Promise((resolve) => setTimeout(resolve, 600));
    return false;
  });
});

test('there are no more sequences than the limit, and an end makes room', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['accumulator']), { limits: { max_sequences: 3 } });
  for (const sequence of [1, 2, 3]) assert.equal((await add(url, 1, { sequence, start: true })).status, 200);
  const refused = await add(url, 1, { sequence: 4, start: true });
  assert.ok(refused.status >= 400 && refused.error !== '', JSON.stringify(refused));
  assert.equal((await add(url, 1, { sequence: 2, end: true })).status, 200);
  assert.equal((await add(url, 1, { sequence: 4, start: true })).status, 200);
});

test('streams keep their state on the server, and it goes with the stream', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['accumulator']));
  const connection = await new TidegateClient(url).connect();
  t.after(() => connection.close());
  const row = (value: number) => ({ x: { shape: [1, 2], data: Float32Array.of(value, value) } });
  const streams = await Promise.all(Array.from({ length: 20 }, () => connection.openStream('accumulator')));
  await Promise.all(
    streams.map(async (stream, i) => {
      assert.equal(stream.stateful, true);
      const sent = Array.from({ length: 10 }, () => stream.infer(row(i)));
      const sums = (await Promise.all(sent)).map((result) => valuesOf(result, 'y')[0]);
      assert.deepEqual(
        sums,
        Array.from({ length: 10 }, (_, turn) => i * (turn + 1)),
      );
      await stream.close();
    }),
  );
  const again = await connection.openStream('accumulator');
  assert.deepEqual(valuesOf(await again.infer(row(5)), 'y'), [5, 5]);
});
