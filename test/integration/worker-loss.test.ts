import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Asked, ask, askSlow, floats, post, until } from '../harness/ask.js';
import { modelFolder } from '../harness/checkout.js';
import { startRuntime, type TestRuntime, untilRunning } from '../harness/runtime.js';

/** Makes the threads that hold a model's batches throw: each after the job that it runs. */
function killThreads({ node }: TestRuntime): void {
  for (const link of node.host.fleet.links) link.die('a test said so');
}

function isAnsweredOrLost({ status, code, outputs }: Asked, expected: readonly number[]): void {
  if (status === 200) assert.deepEqual(outputs.y, expected);
  else assert.deepEqual({ status, code }, { status: 503, code: 'WORKER_LOST' });
}

test('a thread that dies fails its batch once with 503, or has answered it, and is replaced', async (t) => {
  const runtime = await startRuntime(t, await modelFolder(t, ['slow']));
  const holding = askSlow(runtime.url, 2000);
  await untilRunning(runtime);
  const waiting = [1, 2, 3, 4, 5, 6].map((x) => askSlow(runtime.url, x));
  killThreads(runtime);
  isAnsweredOrLost(await holding, [2000]);
  for (const [i, asked] of (await Promise.all(waiting)).entries()) isAnsweredOrLost(asked, [i + 1]);
  assert.deepEqual((await askSlow(runtime.url, 7)).outputs.y, [7]);
  assert.equal(runtime.node.host.fleet.restarts, 1);
});

test('one model loses its thread; the others notice nothing', async (t) => {
  const runtime = await startRuntime(t, await modelFolder(t, ['slow', 'scale']));
  const holding = askSlow(runtime.url, 2000);
  await untilRunning(runtime);
  for (const link of runtime.node.host.fleet.links) if (link.running > 0) link.die('a test said so');
  const others = await Promise.all(
    Array.from({ length: 50 }, () => ask(runtime.url, 'scale', [floats('x', [[1, 2, 3, 4]])])),
  );
  for (const { status } of others) assert.equal(status, 200);
  isAnsweredOrLost(await holding, [2000]);
  assert.equal((await askSlow(runtime.url, 1)).status, 200);
});

test('a model whose thread dies again and again is given up with the reason, until it is loaded again', async (t) => {
  const runtime = await startRuntime(t, await modelFolder(t, ['slow']));
  for (let deaths = 0; deaths < 3; deaths++) {
    await until('a thread holds the model', () =>
      [...runtime.node.host.fleet.links].some((link) => link.hosted.size > 0),
    );
    assert.equal((await askSlow(runtime.url, 1)).status, 200);
    killThreads(runtime);
    await until('the thread is lost', () => runtime.node.host.fleet.restarts === deaths + 1);
  }
  const refused = await askSlow(runtime.url, 1);
  assert.equal(refused.status, 503);
  assert.match(refused.error, /a test said so/);
  assert.equal((await post(runtime.url, '/v2/repository/models/slow/load')).status, 200);
  assert.deepEqual((await askSlow(runtime.url, 1)).outputs.y, [1]);
});
