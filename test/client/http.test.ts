import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { TidegateClient, TidegateClientError } from '../../client/index.js';
import { uwsMissing } from '../harness/uws.js';
import { SOCKET_KINDS, serve } from './server.js';

for (const kind of SOCKET_KINDS) {
  const skip = kind === 'uws' && uwsMissing;

  test(`${kind}: a typed array in, a typed array out`, { skip }, async (t) => {
    const server = await serve(kind);
    t.after(server.stop);
    const client = new TidegateClient(server.url);
    const result = await client.infer('echo', { x: Float32Array.of(1, 2.5, -3, 4) }, { id: 'mine', version: 1 });
    assert.equal(result.id, 'mine');
    assert.equal(result.model, 'echo');
    assert.equal(result.version, '1');
    const { y } = result.outputs;
    assert.deepEqual(y.shape, [2, 2]);
    assert.deepEqual(y.data, Float32Array.of(1, 2.5, -3, 4));
  });

  test(`${kind}: plain numbers, bigints and strings become what the model takes`, { skip }, async (t) => {
    const server = await serve(kind);
    t.after(server.stop);
    const client = new TidegateClient(server.url);
    const numbers = await client.infer('echo', { x: [0.5, 7] });
    assert.deepEqual(numbers.outputs['y'].data, Float32Array.of(0.5, 7));
    const longs = await client.infer('longs', { x: [2n ** 62n, -1] });
    assert.deepEqual(longs.outputs['y'].data, BigInt64Array.of(2n ** 62n, -1n));
    const text = await client.infer('text', { x: ['grüße', ''] });
    assert.deepEqual(text.outputs['y'].data, ['grüße', '']);
    const bytes = await client.infer('text', { x: { shape: [1, 1], data: [Uint8Array.of(0xff)] } });
    assert.deepEqual(bytes.outputs['y'].raw, Uint8Array.of(1, 0, 0, 0, 0xff));
  });

  test(`${kind}: classes, deadline and priority reach the server`, { skip }, async (t) => {
    const server = await serve(kind);
    t.after(server.stop);
    const client = new TidegateClient(server.url);
    const options = { outputs: [{ name: 'y', classification: 1 }], timeout_us: 9_000_000, priority: 3 };
    const result = await client.infer('echo', { x: [1, 9] }, options);
    assert.deepEqual(result.outputs['y'].data, ['9.000000:1:storm']);
    assert.equal(server.inference.requests[0].timeout_us, 9_000_000);
    assert.equal(server.inference.requests[0].priority, 3);
  });

  test(`${kind}: metadata and health`, { skip }, async (t) => {
    const server = await serve(kind);
    t.after(server.stop);
    const client = new TidegateClient(`${server.url}/`);
    assert.equal((await client.serverMetadata()).name, 'tidegate');
    assert.deepEqual((await client.metadata('echo')).inputs, [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }]);
    assert.equal(await client.live(), true);
    assert.equal(await client.ready('echo', 2), true);
    server.stop();
    assert.equal(await client.ready(), false);
  });

  test(`${kind}: what the server refuses is an error with its code`, { skip }, async (t) => {
    const server = await serve(kind);
    t.after(server.stop);
    const client = new TidegateClient(server.url);
    const x = { datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 2) } as const;
    await assert.rejects(client.infer('nobody', { x }), { code: 'MODEL_NOT_FOUND', status: 404, retryable: false });
    await assert.rejects(client.infer('echo', { other: x }), { code: 'INVALID_TENSOR_NAME', status: 400 });
  });

  test(`${kind}: a signal cancels the request on the server, too`, { skip }, async (t) => {
    const server = await serve(kind);
    t.after(server.stop);
    server.inference.automatic = false;
    const client = new TidegateClient(server.url);
    const abort = new AbortController();
    const x = { shape: [1, 2], data: Float32Array.of(1, 2) };
    const scored = client.infer('echo', { x }, { signal: abort.signal });
    while (server.inference.held.length === 0) await new Promise(setImmediate);
    abort.abort();
    await assert.rejects(scored, { code: 'CANCELLED' });
    while (server.inference.held.length > 0) await new Promise(setImmediate);
  });
}

test('what cannot be sent is refused before anything is sent', async (t) => {
  const server = await serve('node');
  t.after(server.stop);
  const client = new TidegateClient(server.url);
  const cases: [string, Parameters<TidegateClient['infer']>[1], RegExp][] = [
    ['echo', { x: [1, 2, 3] }, /do not tell the shape/],
    ['echo', { x: { shape: [1, 3], data: [1, 2] } }, /has 2 values, its shape/],
    ['echo', { z: [1, 2] }, /no input 'z': it takes 'x'/],
    ['echo', { x: { datatype: 'INT8', data: [1, 300] } }, /300, which is no INT8/],
    ['longs', { x: [1.5, 2] }, /1.5, which is no INT64/],
  ];
  for (const [model, inputs, message] of cases) {
    await assert.rejects(client.infer(model, inputs), (error) => {
      assert.ok(error instanceof TidegateClientError);
      assert.equal(error.code, 'INVALID_ARGUMENT');
      assert.match(error.message, message);
      return true;
    });
  }
  assert.equal(server.inference.requests.length, 0);
});

test('a server that is not there, and answers that are not of Tidegate, are typed errors', async () => {
  const proxy = createServer((_request, response) => {
    response.writeHead(502, { 'retry-after': '3' });
    response.end('<html>bad gateway</html>');
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo;
  const client = new TidegateClient(`http://127.0.0.1:${port}`);
  const x = { shape: [1, 2], data: Float32Array.of(1, 2) };
  await assert.rejects(client.infer('echo', { x }), {
    code: 'BAD_ANSWER',
    status: 502,
    retryable: true,
    retry_after_ms: 3000,
  });
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  await assert.rejects(client.infer('echo', { x }), { code: 'CONNECT_FAILED', retryable: true });
});
