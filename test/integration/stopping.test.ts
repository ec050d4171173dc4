import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askSlow, pendingRequests, until } from '../harness/ask.js';
import { modelFolder } from '../harness/checkout.js';
import { SOCKETS } from '../harness/runtime.js';
import { startRuntimeProcess } from '../harness/runtime-process.js';
import { uwsMissing } from '../harness/uws.js';
import { WireConnection } from '../harness/wire-connection.js';

const LONG = 5000;
const FOR_EVER = 1_000_000;
const OFF_THE_SOCKET_THREAD = ['--inline-us', '0'];

for (const socket of SOCKETS) {
  const skip = socket === 'uws' && uwsMissing;

  test(`${socket}: SIGTERM answers what was admitted, takes nothing new, and exits with 0`, { skip }, async (t) => {
    const runtime = await startRuntimeProcess(t, await modelFolder(t, ['slow']), [
      '--socket',
      socket,
      ...OFF_THE_SOCKET_THREAD,
    ]);
    assert.equal((await askSlow(runtime.url, 1)).status, 200);
    // One runs and others wait behind it: all of them were admitted.
    const admitted = [LONG, 1, 2].map((turns) => askSlow(runtime.url, turns));
    const idle = await WireConnection.open(runtime.port);
    t.after(() => idle.destroy());
    await until('they are admitted', async () => (await pendingRequests(runtime.url, 'slow')) === 3);
    runtime.child.kill('SIGTERM');
    for (const { status, error } of await Promise.all(admitted)) assert.equal(status, 200, error);
    assert.deepEqual(await runtime.ended, { code: 0, signal: null }, runtime.output());
    await assert.rejects(fetch(`${runtime.url}/v2/health/live`));
  });

  test(`${socket}: a second signal ends it at once`, { skip }, async (t) => {
    const runtime = await startRuntimeProcess(t, await modelFolder(t, ['slow']), [
      '--socket',
      socket,
      ...OFF_THE_SOCKET_THREAD,
    ]);
    const lost = askSlow(runtime.url, FOR_EVER).catch(() => undefined);
    await until('it is admitted', async () => (await pendingRequests(runtime.url, 'slow')) === 1);
    runtime.child.kill('SIGTERM');
    await until('it says that it stops', () => runtime.output().includes('stopping'));
    runtime.child.kill('SIGTERM');
    const { code } = await runtime.ended;
    assert.notEqual(code, 0);
    assert.equal(await lost, undefined);
  });
}
