import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TidegateError } from '../../contract/error.js';
import { runClosedLoop } from '../../loadtest/closed-loop.js';
import { httpBytes } from '../../loadtest/open-loop/http-connection.js';
import type { LoadPlan } from '../../loadtest/open-loop/load-plan.js';
import { runLoad } from '../../loadtest/open-loop/run-load.js';
import { type RunningRuntime, startRuntimeProcess } from './runtime-under-load.js';
import { stallingServer } from './stalling-server.js';

const JSON_REQUEST = {
  model: 'small',
  weight: 1,
  members: `"inputs":[{"name":"input","datatype":"FP32","shape":[1,32],"data":[${Array(32).fill(0.5)}]}]`,
  tensors: new Uint8Array(0),
};
const BINARY_REQUEST = {
  model: 'small',
  weight: 1,
  members:
    '"inputs":[{"name":"input","datatype":"FP32","shape":[1,32],"parameters":{"binary_data_size":128}}],"parameters":{"binary_data_output":true}',
  tensors: new Uint8Array(128),
};

function plan(port: number, changes: Partial<LoadPlan> = {}): LoadPlan {
  return {
    face: 'http',
    host: '127.0.0.1',
    port,
    phases: [{ name: 'steady', duration_ms: 1500, from_per_s: 200, to_per_s: 200 }],
    arrivals: 'constant',
    seed: 1,
    threads: 2,
    requests: [JSON_REQUEST],
    connections: 4,
    max_waiting: 10_000,
    drain_ms: 5000,
    window_ms: 250,
    answers_per_connection: 0,
    ...changes,
  };
}

const STALL_MS = 500;

test('a closed loop hides a stall of 500 ms in its p99, the open loop shows it', async () => {
  const open = await stallingServer(100, STALL_MS);
  const closed = await stallingServer(500, STALL_MS);
  try {
    const { phases } = await runLoad(plan(open.port));
    const [{ ok, intended }] = phases;
    assert.equal(intended, 300);
    assert.equal(ok.count, 300, 'all are answered in the end');
    assert.ok(ok.percentile(0.99) > 300_000, `open loop: p99 ${ok.percentile(0.99)} µs`);

    const request = httpBytes(JSON_REQUEST, '127.0.0.1');
    const hidden = await runClosedLoop({
      port: closed.port,
      request,
      connections: 4,
      duration_ms: 60_000,
      max_requests: 3000,
    });
    assert.ok(hidden.p99_us < 300_000, `closed loop: p99 ${hidden.p99_us} µs, although it met the same stall`);
  } finally {
    await Promise.all([open.close(), closed.close()]);
  }
});

test('the generator measures how late it was itself, for every request', async () => {
  const server = await stallingServer(0, 0);
  try {
    const { phases, windows } = await runLoad(plan(server.port));
    assert.equal(phases[0].lateness.count, 300);
    assert.equal(
      windows.reduce((sum, { lateness }) => sum + lateness.count, 0),
      300,
      'the timeline has each of them once',
    );
  } finally {
    await server.close();
  }
});

test('what finds no connection and no place to wait is counted as dropped; what gets no answer, as unanswered', async () => {
  const server = await stallingServer(1, 60_000);
  try {
    const phases = [{ name: 'steady', duration_ms: 500, from_per_s: 200, to_per_s: 200 }];
    const outcome = await runLoad(
      plan(server.port, { phases, connections: 2, threads: 1, max_waiting: 10, drain_ms: 0 }),
    );
    const [{ ok, unanswered, dropped, intended }] = outcome.phases;
    assert.deepEqual([ok.count, unanswered, dropped, intended], [0, 12, 88, 100]);
  } finally {
    await server.close();
  }
});

test('a load that no server answers is an error that says where it looked', async () => {
  const server = await stallingServer(0, 0);
  await server.close();
  await assert.rejects(runLoad(plan(server.port)), (thrown) => {
    assert.ok(thrown instanceof TidegateError);
    assert.match(thrown.message, new RegExp(`no server answers at 127\\.0\\.0\\.1:${server.port}.*--url`));
    return true;
  });
});

let runtime: RunningRuntime;
before(async () => {
  runtime = await startRuntimeProcess();
});
after(async () => runtime.close());

for (const [name, changes] of [
  ['JSON over HTTP', {}],
  ['binary tensors over HTTP', { requests: [BINARY_REQUEST] }],
  ['JSON over WebSocket', { face: 'websocket' }],
  ['binary tensors over WebSocket', { face: 'websocket', requests: [BINARY_REQUEST] }],
  ['HTTP, a new connection after every 5 answers', { answers_per_connection: 5 }],
  ['WebSocket, a new connection after every 20 answers', { face: 'websocket', answers_per_connection: 20 }],
] as const satisfies [string, Partial<LoadPlan>][]) {
  test(`a real node answers all of an open loop: ${name}`, async () => {
    const phases = [{ name: 'steady', duration_ms: 1000, from_per_s: 100, to_per_s: 300 }];
    const outcome = await runLoad(plan(runtime.port, { phases, ...changes }));
    assert.equal(outcome.phases[0].intended, 200);
    assert.equal(outcome.phases[0].ok.count, 200);
  });
}

test('a model that is not there is a failed load over HTTP, and a refused stream over WebSocket', async () => {
  const requests = [{ ...JSON_REQUEST, model: 'nobody' }];
  const phases = [{ name: 'steady', duration_ms: 500, from_per_s: 100, to_per_s: 100 }];
  const outcome = await runLoad(plan(runtime.port, { requests, phases }));
  assert.equal(outcome.phases[0].failed, 50);
  await assert.rejects(runLoad(plan(runtime.port, { requests, phases, face: 'websocket' })), /nobody/);
});
