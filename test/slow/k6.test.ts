import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BUILT } from '../harness/checkout.js';
import { type RunningRuntime, startRuntimeProcess } from '../loadtest/runtime-under-load.js';

let runtime: RunningRuntime;
before(async () => {
  runtime = await startRuntimeProcess();
});
after(async () => runtime.close());

async function k6(...args: string[]): Promise<[code: unknown, output: string]> {
  const url = `http://127.0.0.1:${runtime.port}`;
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
