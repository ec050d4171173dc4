import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { ask, chunked, RawClient, request } from '../socket/raw-client.js';
import { missing, SOCKETS } from '../socket/rig.js';
import { echoBody, httpRig } from './rig.js';

const INFER = '/v2/models/echo/infer';
const VALUES = [1, 2.5, -3, 4];
const BODY = echoBody(VALUES, { id: 'an id' });

function post(body?: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): RequestInit {
  return { method: 'POST', headers, ...(body === undefined ? {} : { body }) };
}

async function problem(response: Response): Promise<[number, string, string]> {
  const body: { error: string; code: string } = JSON.parse(await response.text());
  return [response.status, body.code, body.error];
}

for (const name of SOCKETS) {
  describe(`the protocol over ${name}`, { skip: await missing(name) }, () => {
    it('infers from JSON', async () => {
      const { base } = await httpRig(name);
      const response = await fetch(base + INFER, post(BODY));
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('content-type'), 'application/json');
      assert.equal(response.headers.get('inference-header-content-length'), null);
      const y = { name: 'y', datatype: 'FP32', shape: [1, 4], data: VALUES };
      assert.deepEqual(await response.json(), { model_name: 'echo', model_version: '2', id: 'an id', outputs: [y] });
    });

    it('infers from binary, raw bodies, chunks, a version and a quoted name', async () => {
      const { base, socket } = await httpRig(name);
      const bytes = Buffer.from(new Float32Array(VALUES).buffer);
      const x = { name: 'x', datatype: 'FP32', shape: [1, 4], parameters: { binary_data_size: 16 } };
      const json = JSON.stringify({ inputs: [x], parameters: { binary_data_output: true } });
      const headers = { 'Inference-Header-Content-Length': String(json.length) };
      const response = await fetch(base + INFER, post(Buffer.concat([Buffer.from(json), bytes]), headers));
      assert.equal(response.headers.get('content-type'), 'application/octet-stream');
      const split = Number(response.headers.get('inference-header-content-length'));
      assert.deepEqual(Buffer.from(await response.arrayBuffer()).subarray(split), bytes);

      const raw = await fetch(base + INFER, post(bytes, { 'inference-header-content-length': '0' }));
      assert.equal(raw.headers.get('content-type'), 'application/octet-stream');

      const head = request({ method: 'POST', path: INFER, headers: ['Transfer-Encoding: chunked'] });
      assert.equal((await ask(socket.port, head + chunked(BODY, 1)))?.status, 200);

      const first = await fetch(`${base}/v2/models/echo/versions/1/infer`, post(BODY));
      assert.match(await first.text(), /"model_version":"1"/);
      const quoted = await fetch(`${base}/v2/models/${encodeURIComponent('ä/b')}/infer?x=1`, post(BODY));
      assert.equal(quoted.status, 200);
    });

    it('inflates and compresses, small and large', async () => {
      const { base, socket } = await httpRig(name);
      const large = echoBody(Array.from({ length: 200_000 }, (_, i) => i));
      for (const body of [BODY, large]) {
        const plain = await (await fetch(base + INFER, post(body))).text();
        for (const [coding, pack, unpack] of [
          ['gzip', gzipSync, gunzipSync],
          ['deflate', deflateSync, inflateSync],
        ] as const) {
          const head = `POST ${INFER} HTTP/1.1\r\nHost: x\r\nContent-Encoding: ${coding}\r\nAccept-Encoding: ${coding}\r\n`;
          const packed = pack(body);
          const bytes = Buffer.concat([Buffer.from(`${head}Content-Length: ${packed.length}\r\n\r\n`), packed]);
          const reply = await ask(socket.port, bytes);
          assert.equal(reply?.headers['content-encoding'], coding);
          assert.equal(unpack(reply.body).toString(), plain);
        }
      }
      const unknown = await fetch(base + INFER, post(BODY, { 'content-encoding': 'squeeze' }));
      assert.equal(unknown.headers.get('accept-encoding'), 'gzip, deflate');
      assert.deepEqual((await problem(unknown)).slice(0, 2), [501, 'UNSUPPORTED_ENCODING']);
    });

    it('refuses a bomb by what it inflates to', async () => {
      const { base } = await httpRig(name, { max_body_bytes: 1_000_000 });
      const bomb = gzipSync(Buffer.alloc(50_000_000, ' '));
      const response = await fetch(base + INFER, post(bomb, { 'content-encoding': 'gzip' }));
      assert.deepEqual((await problem(response)).slice(0, 2), [413, 'BODY_TOO_LARGE']);
      assert.equal((await fetch(base + INFER, post(BODY))).status, 200);
    });

    it('says what went wrong, with status, code and Retry-After', async () => {
      const rig = await httpRig(name);
      const { base } = rig;
      const errors: [string, RequestInit, number, string][] = [
        [INFER, post('{'), 400, 'INVALID_JSON'],
        [INFER, post('[]'), 400, 'INVALID_REQUEST'],
        [INFER, post(BODY, { 'inference-header-content-length': '-1' }), 400, 'INVALID_BINARY'],
        [INFER, post(echoBody(VALUES, { id: 'fail' })), 500, 'BACKEND_FAILED'],
        [INFER, post(echoBody(VALUES, { id: 'bug' })), 500, 'INTERNAL'],
        ['/v2/models/nothing/infer', post('hello'), 404, 'MODEL_NOT_FOUND'],
        ['/v2/models/echo/versions/9/infer', post(BODY), 404, 'MODEL_NOT_FOUND'],
        ['/v2/models/echo/versions/99999999999999999999999/infer', post(BODY), 400, 'INVALID_REQUEST'],
        ['/v2/models/echo/versions/latest/infer', post(BODY), 404, 'NOT_FOUND'],
        ['/v2/models/echo/generate', post('{}'), 501, 'UNSUPPORTED'],
        ['/v2/logging', {}, 501, 'UNSUPPORTED'],
        ['/v2/systemsharedmemory/status', {}, 501, 'UNSUPPORTED'],
        ['/v2/nothing', {}, 404, 'NOT_FOUND'],
        [INFER, {}, 405, 'METHOD_NOT_ALLOWED'],
        ['/v2/health/live', post(), 405, 'METHOD_NOT_ALLOWED'],
        ['/v2/models/echo/config', post('{}'), 405, 'METHOD_NOT_ALLOWED'],
        ['/v2/repository/index', {}, 405, 'METHOD_NOT_ALLOWED'],
      ];
      for (const [path, init, status, code] of errors) {
        const [gotStatus, gotCode, text] = await problem(await fetch(base + path, init));
        assert.deepEqual([gotStatus, gotCode], [status, code], path);
        assert.ok(!text.includes('secret'));
      }
      assert.deepEqual(rig.errors.map(String), ['TypeError: a secret of the program']);
      const full = await fetch(base + INFER, post(echoBody(VALUES, { id: 'full' })));
      assert.equal(full.headers.get('retry-after'), '2');
      assert.equal((await problem(full))[2], 'Exceeds maximum queue size');
      const method = await fetch(base + INFER, { method: 'DELETE' });
      assert.equal(method.headers.get('allow'), 'POST');
    });

    it('cancels once when the caller leaves', async () => {
      const { socket, inference } = await httpRig(name);
      const client = await RawClient.open(socket.port);
      client.send(request({ path: INFER, body: echoBody(VALUES, { id: 'hold' }) }));
      while (inference.held === 0) await later(2);
      client.close();
      while (inference.cancelled === 0) await later(2);
      await later(10);
      assert.equal(inference.cancelled, 1);
    });

    it('tells who serves, what is served, and how it is', async () => {
      const rig = await httpRig(name);
      const get = async (path: string): Promise<unknown> => (await fetch(rig.base + path)).json();
      const server = JSON.stringify(await get('/v2'));
      assert.match(server, /"name":"tidegate","version":"1.2.3"/);
      assert.ok(server.includes(`"socket":"${rig.socket.kind}"`));
      assert.ok(!server.includes('shared_memory'));
      assert.deepEqual(await get('/v2/models'), { models: ['echo', 'ä/b'] });
      const y = { name: 'y', datatype: 'FP32', shape: [-1, 4] };
      const metadata = { platform: 'onnxruntime_onnx', inputs: [{ ...y, name: 'x' }], outputs: [y] };
      assert.deepEqual(await get('/v2/models/echo'), { name: 'echo', versions: ['1', '2'], ...metadata });
      assert.deepEqual(await get('/v2/models/echo/versions/1'), { name: 'echo', versions: ['1'], ...metadata });
      assert.match(JSON.stringify(await get('/v2/models/echo/config')), /"max_batch_size":8/);
      assert.deepEqual(await get('/v2/models/stats'), { model_stats: [{ name: 'all', version: 'all' }] });
      assert.deepEqual(await get('/v2/models/echo/versions/1/stats'), {
        model_stats: [{ name: 'echo', version: '1' }],
      });
      assert.equal(await (await fetch(`${rig.base}/metrics`)).text(), '# nothing\n');
    });

    it('answers health in the form of both clients, and 400 when not ready', async () => {
      const rig = await httpRig(name);
      const get = async (path: string): Promise<[number, unknown]> => {
        const response = await fetch(rig.base + path);
        return [response.status, await response.json()];
      };
      assert.deepEqual(await get('/v2/health/live'), [200, { live: true }]);
      assert.deepEqual(await get('/v2/health/ready'), [200, { ready: true }]);
      assert.deepEqual(await get('/v2/models/echo/ready'), [200, { name: 'echo', ready: true }]);
      assert.equal((await get('/v2/models/nothing/ready'))[0], 400);
      rig.ready = false;
      assert.equal((await get('/v2/health/ready'))[0], 400);
      const head = await fetch(`${rig.base}/v2`, { method: 'HEAD' });
      assert.deepEqual([head.status, await head.text()], [200, '']);
      assert.ok(Number(head.headers.get('content-length')) > 0);
    });

    it('lists, loads and unloads', async () => {
      const { base, catalog } = await httpRig(name);
      const call = async (path: string, body?: string): Promise<[number, unknown]> => {
        const response = await fetch(`${base}/v2/repository/${path}`, post(body));
        return [response.status, await response.json()];
      };
      const ready = { name: 'echo', version: '1', state: 'READY' };
      const broken = { name: 'broken', version: '1', state: 'UNAVAILABLE', reason: 'corrupt' };
      assert.deepEqual(await call('index'), [200, [ready, broken]]);
      assert.deepEqual(await call('index', '{"ready":true}'), [200, [ready]]);
      for (const body of ['{', '[]', '{"ready":"x"}']) assert.equal((await call('index', body))[0], 400);
      assert.deepEqual(await call('models/echo/load'), [200, {}]);
      const parameters = { config: '{}', 'file:1/model.onnx': Buffer.from('onnx').toString('base64') };
      assert.equal((await call('models/a%20b/load', JSON.stringify({ parameters })))[0], 200);
      const files = new Map([['1/model.onnx', Buffer.from('onnx')]]);
      assert.deepEqual(catalog.loads, [
        ['echo', {}],
        ['a b', { config: '{}', files }],
      ]);
      for (const body of ['{"parameters":[]}', '{"parameters":{"config":1}}', '{"parameters":{"file:1/m":"%"}}']) {
        assert.equal((await call('models/echo/load', body))[0], 400);
      }
      assert.equal((await call('models/nothing/load'))[0], 400);
      assert.equal((await call('models/echo/unload', '{"parameters":{"unload_dependents":true}}'))[0], 200);
      assert.deepEqual(catalog.unloads, ['echo']);
    });

    it('logs a request with its ids', async () => {
      const { base, requests } = await httpRig(name);
      await fetch(base + INFER, post(BODY, { traceparent: '00-a-b-01', 'x-request-id': '7' }));
      await fetch(base + INFER, post('{', { traceparent: '00-c-d-01', 'x-request-id': '8' }));
      assert.deepEqual(
        requests.map(({ model, request_id, traceparent, status, code }) => [
          model,
          request_id,
          traceparent,
          status,
          code,
        ]),
        [
          ['echo', 'an id', '00-a-b-01', 200, ''],
          ['echo', '8', '00-c-d-01', 400, 'INVALID_JSON'],
        ],
      );
    });
  });
}
