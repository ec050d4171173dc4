import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, floats, until } from '../harness/ask.js';
import { modelFolder } from '../harness/checkout.js';
import { SOCKETS, startRuntime } from '../harness/runtime.js';
import { startRuntimeProcess } from '../harness/runtime-process.js';
import { uwsMissing } from '../harness/uws.js';
import { type Family, parseExposition } from './prometheus-text.js';

const ROW = [floats('x', [[1, 2, 3, 4]])];

async function scrape(url: string): Promise<ReadonlyMap<string, Family>> {
  const response = await fetch(`${url}/metrics`);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return parseExposition(await response.text());
}

for (const socket of SOCKETS) {
  test(`${socket}: /metrics counts what callers were answered and told`, {
    skip: socket === 'uws' && uwsMissing,
  }, async (t) => {
    const { url } = await startRuntime(t, await modelFolder(t, ['scale']), { socket });
    assert.equal((await ask(url, 'scale', ROW)).status, 200);
    assert.equal((await ask(url, 'scale', [])).status, 400);
    assert.equal((await ask(url, 'none', ROW)).status, 404);
    assert.equal((await fetch(`${url}/nonsense`)).status, 404);
    assert.equal((await fetch(`${url}/v2/models/scale/infer`, { method: 'PUT' })).status, 405);
    const families = await scrape(url);
    const told = families
      .get('tidegate_errors_total')
      ?.samples.map(({ labels, value }) => [labels['face'], labels['code'], value]);
    assert.deepEqual(told?.sort(), [
      ['http', 'INVALID_TENSOR_NAME', 1],
      ['http', 'METHOD_NOT_ALLOWED', 1],
      ['http', 'MODEL_NOT_FOUND', 1],
      ['http', 'NOT_FOUND', 1],
    ]);
    assert.deepEqual(families.get('tidegate_batch_rows')?.samples.at(-1)?.value, 1);
    assert.equal(families.get('nv_inference_request_success')?.samples[0].value, 1);
    const failed = families.get('nv_inference_request_failure')?.samples.reduce((sum, { value }) => sum + value, 0);
    assert.equal(failed, 0, 'what never was a request of the model is no failure of it');
  });
}

test('a request is logged with its id and its trace, and never with its values', async (t) => {
  const runtime = await startRuntimeProcess(t, await modelFolder(t, ['scale']), ['--log-requests']);
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const response = await fetch(`${runtime.url}/v2/models/scale/infer`, {
    method: 'POST',
    headers: { traceparent: `00-${trace}-b7ad6b7169203331-01`, 'x-request-id': 'header-id' },
    body: JSON.stringify({ id: 'body-id', inputs: [floats('x', [[7654.25, 2, 3, 4]])] }),
  });
  assert.equal(response.status, 200);
  await until('the request is logged', () => runtime.output().includes('"msg":"request"'));
  const lines = runtime
    .output()
    .split('\n')
    .filter((line) => line.includes('"msg":"request"'));
  assert.equal(lines.length, 1);
  const { level, service, model, request_id, trace_id, span_id, status, total_us } = JSON.parse(lines[0]);
  assert.deepEqual(
    { level, service, model, request_id, trace_id, span_id, status },
    {
      level: 'info',
      service: 'runtime',
      model: 'scale',
      request_id: 'body-id',
      trace_id: trace,
      span_id: 'b7ad6b7169203331',
      status: 200,
    },
  );
  assert.ok(total_us > 0);
  assert.doesNotMatch(runtime.output(), /7654/);
});
