import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidegateClient } from '../../client/index.js';
import { ask, askSlow, countersOf, floats, valuesOf } from '../harness/ask.js';
import { modelFolder } from '../harness/checkout.js';
import { startRuntime, untilRunning } from '../harness/runtime.js';

/** Turns that keep the only instance of `slow` busy while a test puts requests behind it. */
const HOLD = 3000;

/** Numbers that look random and are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test('requests of HTTP and WebSocket callers that wait together run as one batch', async (t) => {
  const runtime = await startRuntime(t, await modelFolder(t, ['slow']));
  const { url } = runtime;
  const connection = await new TidegateClient(url).connect();
  t.after(() => connection.close());
  const stream = await connection.openStream('slow');
  const holding = askSlow(url, HOLD);
  await untilRunning(runtime);
  const overHttp = [0, 1].map((x) => askSlow(url, x));
  const overWebSocket = [2, 3].map((x) => stream.infer({ x: { shape: [1, 1], data: Float32Array.of(x) } }));
  const answers = await Promise.all(overHttp);
  assert.deepEqual(
    answers.map(({ outputs }) => outputs.y),
    [[0], [1]],
  );
  const results = await Promise.all(overWebSocket);
  assert.deepEqual(
    results.map((result) => valuesOf(result, 'y')),
    [[2], [3]],
  );
  assert.equal((await holding).status, 200);
  const { rows, batches, success, sizes } = await countersOf(url, 'slow');
  assert.deepEqual({ rows, success }, { rows: 5, success: 5 });
  assert.ok(batches < 5 && [...sizes.keys()].some((size) => size > 1), `${batches} batches of ${[...sizes.keys()]}`);
});

test('under a random load over every face each caller gets exactly its own rows', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['scale']), { workers: 2 });
  const client = new TidegateClient(url);
  const connection = await client.connect();
  t.after(() => connection.close());
  const streams = await Promise.all([
    connection.openStream('scale'),
    connection.openStream('scale', { order: 'ready' }),
  ]);
  const random = numbers(7);
  let sent = 0;
  const once = async (caller: number): Promise<void> => {
    const rows = 1 + Math.floor(random() * 5);
    const first = ++sent * 64;
    const values = Float32Array.from({ length: rows * 4 }, (_, i) => first + i);
    const expected = [...values].map((value) => value * 3);
    if (caller % 4 === 0) {
      const given = { name: 'x', datatype: 'FP32', shape: [rows, 4], data: [...values] };
      assert.deepEqual((await ask(url, 'scale', [given])).outputs.y, expected);
      return;
    }
    const tensor = { x: { shape: [rows, 4], data: values } };
    const result = caller % 4 === 1 ? await client.infer('scale', tensor) : await streams[caller % 2].infer(tensor);
    assert.deepEqual(valuesOf(result, 'y'), expected);
  };
  const callers = Array.from({ length: 24 }, async (_, caller) => {
    for (let i = 0; i < 40; i++) await once(caller);
  });
  await Promise.all(callers);
  const { batches, success, fail } = await countersOf(url, 'scale');
  assert.deepEqual({ success, fail }, { success: 24 * 40, fail: 0 });
  assert.ok(batches < success, `${batches} batches for ${success} requests`);
});

test('what is not a batch is never treated as one', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['fixed', 'unnamed', 'whole', 'scalar']));
  const together = async (model: string, given: readonly number[], shape: readonly number[]): Promise<unknown[]> => {
    const asked = Array.from({ length: 6 }, (_, i) => {
      const data = given.map((value) => value + i);
      return ask(url, model, [{ name: 'x', datatype: 'FP32', shape, data }]);
    });
    const outputs = (await Promise.all(asked)).map((each) => each.outputs.y);
    assert.equal((await countersOf(url, model)).batches, 6, model);
    return outputs;
  };
  const each = <T>(make: (i: number) => T): T[] => Array.from({ length: 6 }, (_, i) => make(i));
  assert.deepEqual(
    await together('fixed', [1, 2, 3, 4, 5, 6], [2, 3]),
    each((i) => [1, 2, 3, 4, 5, 6].map((v) => -v - i)),
  );
  assert.deepEqual(
    await together('unnamed', [1, 2, 3, 4], [1, 4]),
    each((i) => [1, 2, 3, 4].map((v) => -v - i)),
  );
  // A sum over the variable dimension: shared with another caller it would be wrong for both.
  assert.deepEqual(
    await together('whole', [1, 2, 3, 4], [2, 2]),
    each((i) => [4 + 2 * i, 6 + 2 * i]),
  );
  assert.deepEqual(
    await together('scalar', [5], []),
    each((i) => [5 + i]),
  );
});

test('rows of different lengths wait beside each other without being mixed', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['ragged']));
  const asked = Array.from({ length: 60 }, async (_, i) => {
    const row = Array.from({ length: 1 + (i % 4) }, (_value, j) => i + j);
    const { outputs } = await ask(url, 'ragged', [floats('x', [row])]);
    assert.deepEqual(outputs.y, [row.reduce((sum, value) => sum + value, 0)], `row ${i}`);
  });
  await Promise.all(asked);
  assert.equal((await countersOf(url, 'ragged')).rows, 60);
});

test('a caller whose values the model refuses fails alone, not the company in its batch', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['fragile']));
  const asked = Array.from({ length: 40 }, async (_, i) => {
    const index = i % 10;
    const given = { name: 'index', datatype: 'INT64', shape: [1, 1], data: [index] };
    const { status, code, outputs } = await ask(url, 'fragile', [given]);
    if (index < 4) assert.deepEqual({ status, value: outputs.value }, { status: 200, value: [10 + index] });
    else assert.deepEqual({ status, code }, { status: 500, code: 'BACKEND_FAILED' });
  });
  await Promise.all(asked);
  const { success, fail } = await countersOf(url, 'fragile');
  assert.deepEqual({ success, fail }, { success: 16, fail: 24 });
});
