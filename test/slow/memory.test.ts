import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type StreamingConnection, TidegateClient } from '../../client/index.js';
import { runClosedLoop } from '../../loadtest/closed-loop.js';
import { floats, post, until } from '../harness/ask.js';
import { BUILT, modelFolder } from '../harness/checkout.js';
import { SOCKETS } from '../harness/runtime.js';
import { type RuntimeProcess, startRuntimeProcess } from '../harness/runtime-process.js';
import { requestBytes } from '../harness/triton-case.js';
import { uwsMissing } from '../harness/uws.js';
import { WireConnection } from '../harness/wire-connection.js';

/** V8 ends a process whose JavaScript outgrows this, so a leak in the heap needs no judging: the runtime dies of it. */
const HEAP_MIB = 40;
/** What native memory may grow by after it was warm: allocators keep what they have had, and give it back when they like. */
const GROWTH_BYTES = 48 * 1024 * 1024;
const WARM_ROUNDS = 2;
const ROUNDS = 6;
const ROW = [1, 2, 3, 4];
/** Requests in a round. The socket that serves by default gets more: what it leaves behind shows earlier. */
const REQUESTS = { net: 15_000, uws: 4000, node: 4000 } as const;

const capped = [process.execPath, `--max-old-space-size=${HEAP_MIB}`, join(BUILT, 'cli', 'main.js')] as const;

async function metric(runtime: RuntimeProcess, name: string): Promise<number> {
  const text = await (await fetch(`${runtime.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}

/** Repeats `round` and compares what the process holds after the last one with what it held when it was warm. */
async function assertFlat(runtime: RuntimeProcess, round: () => Promise<void>): Promise<void> {
  const resident: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    await round();
    assert.equal(runtime.child.exitCode, null, runtime.output());
    resident.push(await metric(runtime, 'tidegate_process_resident_bytes'));
  }
  const shown = resident.map((bytes) => `${Math.round(bytes / 1024 / 1024)} MiB`).join(', ');
  const growth = resident[ROUNDS - 1] - Math.max(...resident.slice(0, WARM_ROUNDS));
  assert.ok(growth < GROWTH_BYTES, `resident after each round: ${shown}\n${runtime.output()}`);
}

function scaleRequest(runtime: RuntimeProcess, inputs: readonly unknown[]): Buffer {
  const body = JSON.stringify({ inputs });
  return requestBytes({ method: 'POST', path: '/v2/models/scale/infer', body }, runtime.port);
}

async function load(runtime: RuntimeProcess, request: Buffer, requests: number): Promise<number> {
  const { failures } = await runClosedLoop({
    port: runtime.port,
    request,
    connections: 32,
    duration_ms: 300_000,
    max_requests: requests,
  });
  return failures;
}

for (const socket of SOCKETS) {
  const skip = socket === 'uws' && uwsMissing;

  test(`${socket}: requests, good and bad, leave nothing behind`, { skip }, async (t) => {
    const runtime = await startRuntimeProcess(t, await modelFolder(t, ['scale']), ['--socket', socket], capped);
    const good = scaleRequest(runtime, [floats('x', [ROW])]);
    const bad = scaleRequest(runtime, [{ name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 2, 'three', 4] }]);
    await assertFlat(runtime, async () => {
      assert.equal(await load(runtime, good, REQUESTS[socket]), 0);
      assert.ok((await load(runtime, bad, 1000)) >= 1000);
    });
    assert.equal(await metric(runtime, 'tidegate_slab_used_bytes'), 0);
  });

  test(`${socket}: connections that are dropped in every way leave nothing behind`, { skip }, async (t) => {
    const runtime = await startRuntimeProcess(t, await modelFolder(t, ['scale']), ['--socket', socket], capped);
    const request = scaleRequest(runtime, [floats('x', [ROW])]);
    const drop = async (i: number): Promise<void> => {
      const connection = await WireConnection.open(runtime.port);
      // Nothing, a part of a head, a part of a body, or a whole request whose answer is not awaited.
      connection.send(request.subarray(0, [0, 30, request.length - 5, request.length][i % 4]));
      if (i % 8 < 4) connection.destroy();
      else connection.reset();
    };
    await assertFlat(runtime, async () => {
      for (let i = 0; i < 40; i++) await Promise.all(Array.from({ length: 16 }, (_, j) => drop(i * 16 + j)));
    });
    // The connection that asks is one itself, and the platform's client keeps some open.
    await until('all are forgotten', async () => (await metric(runtime, 'tidegate_open_connections')) < 8);
    await until('nothing is held', async () => (await metric(runtime, 'tidegate_slab_used_bytes')) === 0);
  });

  test(`${socket}: streams with state that come and go leave nothing behind`, { skip }, async (t) => {
    const runtime = await startRuntimeProcess(t, await modelFolder(t, ['accumulator']), ['--socket', socket], capped);
    const client = new TidegateClient(runtime.url);
    const row = { x: { shape: [1, 2], data: Float32Array.of(1, 2) } };
    const use = async (connection: StreamingConnection, turns: number): Promise<void> => {
      const stream = await connection.openStream('accumulator');
      await Promise.all(Array.from({ length: turns }, () => stream.infer(row)));
    };
    await assertFlat(runtime, async () => {
      for (let i = 0; i < 10; i++) {
        const connections = await Promise.all(Array.from({ length: 8 }, () => client.connect()));
        // No stream is closed: they go with their connection.
        for (const turns of [1, 10]) await Promise.all(connections.map((connection) => use(connection, turns)));
        await Promise.all(connections.map((connection) => connection.close()));
      }
    });
    await until('no state is left', async () => (await metric(runtime, 'tidegate_open_sequences')) === 0);
    await until('nothing is held', async () => (await metric(runtime, 'tidegate_slab_used_bytes')) === 0);
  });
}

test('models that are loaded again and again under traffic give back what they had', async (t) => {
  const runtime = await startRuntimeProcess(t, await modelFolder(t, ['scale']), [], capped);
  const request = scaleRequest(runtime, [floats('x', [ROW])]);
  await assertFlat(runtime, async () => {
    const traffic = load(runtime, request, 5000);
    for (let i = 0; i < 10; i++)
      assert.equal((await post(runtime.url, '/v2/repository/models/scale/load')).status, 200);
    assert.equal(await traffic, 0);
  });
});
