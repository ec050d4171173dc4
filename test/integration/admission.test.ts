import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Asked, ask, askSlow, countersOf, floats, pendingRequests, until } from '../harness/ask.js';
import { modelFolder } from '../harness/checkout.js';
import { SOCKETS, startRuntime, untilRunning } from '../harness/runtime.js';
import { requestBytes } from '../harness/triton-case.js';
import { uwsMissing } from '../harness/uws.js';
import { WireConnection } from '../harness/wire-connection.js';

/** Turns that keep the only instance of `slow` busy while a test puts requests behind it. */
const HOLD = 4000;

/** Row by row: what waits is not swallowed by one batch. */
const ONE_BY_ONE = 'max_batch: 1\ninstances: 1\npriority_levels: 3\n';

for (const socket of SOCKETS) {
  const skip = socket === 'uws' && uwsMissing;

  test(`${socket}: a full queue refuses at once with 503 and Retry-After, and what was admitted is answered`, {
    skip,
  }, async (t) => {
    const folder = await modelFolder(t, ['slow']);
    await writeFile(join(folder, 'slow', 'model.yaml'), `${ONE_BY_ONE}queue: {max_requests: 3}\n`);
    const runtime = await startRuntime(t, folder, { socket });
    const holding = askSlow(runtime.url, HOLD);
    await untilRunning(runtime);
    const asked = await Promise.all(Array.from({ length: 20 }, () => askSlow(runtime.url, 1)));
    const refused = asked.filter(({ status }) => status !== 200);
    assert.ok(refused.length >= 15, `${refused.length} were refused`);
    for (const { status, code, error, retry_after } of refused) {
      assert.deepEqual({ status, code }, { status: 503, code: 'QUEUE_FULL' });
      assert.match(error, /Exceeds maximum queue size/);
      assert.match(retry_after ?? '', /^[1-9]\d*$/);
    }
    assert.equal((await holding).status, 200);
    assert.equal((await askSlow(runtime.url, 1)).status, 200);
  });

  test(`${socket}: a deadline that passes while the request waits fails it without running it`, { skip }, async (t) => {
    const runtime = await startRuntime(t, await modelFolder(t, ['slow']), { socket });
    const holding = askSlow(runtime.url, HOLD);
    await untilRunning(runtime);
    const late = await Promise.all([1, 2, 3].map((x) => askSlow(runtime.url, x, { parameters: { timeout: 1000 } })));
    for (const { status, code, error } of late) {
      assert.deepEqual({ status, code }, { status: 503, code: 'DEADLINE_EXPIRED' });
      assert.match(error, /Request timeout expired/);
    }
    assert.equal((await holding).status, 200);
    assert.equal((await askSlow(runtime.url, 1, { parameters: { timeout: 60_000_000 } })).status, 200);
    assert.equal((await countersOf(runtime.url, 'slow')).rows, 2);
  });

  test(`${socket}: a caller who leaves is not computed for`, { skip }, async (t) => {
    const runtime = await startRuntime(t, await modelFolder(t, ['slow']), { socket });
    const holding = askSlow(runtime.url, HOLD);
    await untilRunning(runtime);
    const body = JSON.stringify({ inputs: [floats('x', [[9]])] });
    const bytes = requestBytes({ method: 'POST', path: '/v2/models/slow/infer', body }, runtime.port);
    const leavers = await Promise.all(Array.from({ length: 5 }, () => WireConnection.open(runtime.port)));
    for (const leaver of leavers) leaver.send(bytes);
    await until('they wait in the queue', async () => (await pendingRequests(runtime.url, 'slow')) === 6);
    for (const leaver of leavers) leaver.destroy();
    await until('they are gone', async () => (await pendingRequests(runtime.url, 'slow')) <= 1);
    assert.equal((await holding).status, 200);
    assert.equal((await askSlow(runtime.url, 1)).status, 200);
    assert.equal((await countersOf(runtime.url, 'slow')).rows, 2);
  });
}

test('of what waits, the higher priority is served first, and equals in the order of their arrival', async (t) => {
  const folder = await modelFolder(t, ['slow']);
  await writeFile(join(folder, 'slow', 'model.yaml'), ONE_BY_ONE);
  const runtime = await startRuntime(t, folder);
  const holding = askSlow(runtime.url, HOLD);
  await untilRunning(runtime);
  const order: string[] = [];
  const asked: Promise<void>[] = [];
  for (const [i, priority] of [3, 3, 2, 1, 0, 1].entries()) {
    asked.push(
      // Long enough that two answers never reach this process in one turn, where their order would be anybody's.
      askSlow(runtime.url, 200, { parameters: { priority } }).then(({ status }) => {
        assert.equal(status, 200);
        order.push(`${priority}: ${i}`);
      }),
    );
    await until('it waits', async () => (await pendingRequests(runtime.url, 'slow')) === i + 2);
  }
  await Promise.all([holding, ...asked]);
  // The first may have been handed to the thread's second slot already; 0 is the middle level.
  const rest = order.filter((each) => each !== '3: 0');
  assert.deepEqual(rest, ['1: 3', '1: 5', '2: 2', '0: 4', '3: 1']);
});

test('a flooded model does not starve another', async (t) => {
  const folder = await modelFolder(t, ['slow', 'scale']);
  await writeFile(join(folder, 'slow', 'model.yaml'), ONE_BY_ONE);
  const runtime = await startRuntime(t, folder, { workers: 1 });
  let flooding = 0;
  const flood = Array.from({ length: 60 }, () =>
    askSlow(runtime.url, 100).then((asked): Asked => {
      flooding++;
      return asked;
    }),
  );
  await until('the flood runs', () => flooding > 2);
  for (let i = 0; i < 5; i++)
    assert.equal((await ask(runtime.url, 'scale', [floats('x', [[1, 2, 3, 4]])])).status, 200);
  const left = flood.length - flooding;
  assert.ok(left > flood.length / 2, `only ${left} of the flood were left when the other model had answered`);
  for (const { status } of await Promise.all(flood)) assert.equal(status, 200);
});
