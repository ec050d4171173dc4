import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BUILT } from '../harness/checkout.js';
import { startControlProcess } from '../harness/control-process.js';
import { startStoreProcess } from '../harness/store-process.js';
import { type RunningRuntime, startRuntimeProcess } from '../loadtest/runtime-under-load.js';

let runtime: RunningRuntime;
before(async () => {
  runtime = await startRuntimeProcess();
});
after(async () => runtime.close());

function k6(...args: string[]): Promise<[code: unknown, output: string]> {
  return k6At(`http://127.0.0.1:${runtime.port}`, ...args);
}

async function k6At(url: string, ...args: string[]): Promise<[code: unknown, output: string]> {
  const child = spawn(process.execPath, [join(BUILT, 'loadtest', 'k6.js'), ...args, '--url', url]);
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code]: unknown[] = await once(child, 'close');
  return [code, Buffer.concat(chunks).toString()];
}

test('the real k6 keeps its thresholds over HTTP', async () => {
  const [code, output] = await k6('http', '--set', 'RATE=50', '--set', 'DURATION=2s', '--set', 'P99_MS=5000');
  assert.equal(code, 0, output);
  assert.match(output, /checks_succeeded\D+100\.00%/);
});

test('the real k6 streams over WebSocket, and gets every result', async () => {
  const [code, output] = await k6('websocket', '--set', 'STREAMS=4', '--set', 'MESSAGES=50', '--set', 'P99_MS=5000');
  assert.equal(code, 0, output);
  assert.match(output, /stream_results\.*: 200 /);
});

test('a threshold that is crossed is the exit code 99', async () => {
  const [code, output] = await k6('http', '--set', 'RATE=20', '--set', 'DURATION=1s', '--set', 'P99_MS=0.0001');
  assert.equal(code, 99, output);
  assert.match(output, /thresholds on metrics/);
});

test('the real k6 asks a control plane over a real store', async (t) => {
  const store = await startStoreProcess(t);
  const control = await startControlProcess(t, store.url);
  const bounds = ['--set', 'P99_MS=5000', '--set', 'QUERY_P95_MS=10000'];
  const [code, output] = await k6At(control.url, 'control-plane', '--set', 'RATE=5', '--set', 'DURATION=2s', ...bounds);
  assert.equal(code, 0, output);
  assert.match(output, /checks_succeeded\D+100\.00%/);
});
