import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fixture, put, type Served, serve, temporaryFolder, until } from './fixture-folder.js';
import { MemoryHost } from './memory-host.js';

const POLL = { poll_ms: 10 };

/** Requests one after the other on several lines, until it is stopped; every one must be answered. */
function traffic({ repository, host }: Served, model: string) {
  const answers = new Map<string, number>();
  const failures: unknown[] = [];
  let stopped = false;
  const line = async () => {
    while (!stopped) {
      try {
        const answer = await host.request(repository.resolve(model, ''));
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      } catch (error) {
        failures.push(error);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const lines = Array.from({ length: 8 }, line);
  return {
    answers,
    async stop(): Promise<void> {
      stopped = true;
      await Promise.all(lines);
      assert.deepEqual(failures, []);
    },
  };
}

async function serveOne(t: TestContext, host = new MemoryHost()): Promise<{ folder: string; served: Served }> {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  const served = await serve(t, folder, { ...POLL, host });
  await served.repository.started();
  return { folder, served };
}

test('a new version is loaded, switched to without a failed request, and the old one freed', async (t) => {
  const { folder, served } = await serveOne(t);
  const { repository, host } = served;
  host.run_ms = 2;
  const callers = traffic(served, 'm');
  await until('some answers of version 1', () => (callers.answers.get('m/1') ?? 0) > 20);
  await put(folder, 'm', 2);
  await until('answers of version 2', () => (callers.answers.get('m/2') ?? 0) > 20);
  await until('version 1 is freed', () => host.unloads.includes('m/1'));
  await callers.stop();
  assert.deepEqual(repository.versions('m'), [2]);
  assert.throws(() => repository.resolve('m', '1'), { code: 'MODEL_NOT_FOUND' });
  assert.equal(repository.memory().used_bytes, repository.resolve('m', '').memory_bytes);
  assert.deepEqual(host.breaches, []);
});

test('when the newest version disappears the one below takes over without a failed request', async (t) => {
  const { folder, served } = await serveOne(t);
  await put(folder, 'm', 2);
  await until('version 2 serves', () => served.repository.versions('m')[0] === 2);
  const callers = traffic(served, 'm');
  await rm(join(folder, 'm', '2'), { recursive: true });
  await until('version 1 serves again', () => (callers.answers.get('m/1') ?? 0) > 20);
  await callers.stop();
  assert.deepEqual(served.repository.versions('m'), [1]);
  assert.deepEqual(served.host.breaches, []);
});

test('a model whose directory disappears is drained and forgotten, and comes back with its directory', async (t) => {
  const { folder, served } = await serveOne(t);
  const { repository, host } = served;
  await rm(join(folder, 'm'), { recursive: true });
  await until('the model is gone', () => repository.index().length === 0);
  assert.throws(() => repository.resolve('m', ''), { message: "Request for unknown model: 'm' is not found" });
  await until('its memory is free', () => host.held.size === 0);
  await put(folder, 'm', 4);
  await until('the model is back', () => repository.models().includes('m'));
  assert.equal(repository.resolve('m', '').version, 4);
  assert.deepEqual(host.breaches, []);
});

test('a file that is still being copied is not loaded, and a torn one is served as soon as it is whole', async (t) => {
  const { folder, served } = await serveOne(t);
  const { repository, host } = served;
  const bytes = await readFile(fixture('batched'));
  await mkdir(join(folder, 'm', '2'));
  const path = join(folder, 'm', '2', 'model.onnx');
  await writeFile(path, bytes.subarray(0, 10));
  await until('the torn file was tried', () =>
    repository.index().some(({ version, state }) => version === '2' && state === 'UNAVAILABLE'),
  );
  assert.equal(repository.resolve('m', '').version, 1);
  await appendFile(path, bytes.subarray(10));
  await until('version 2 serves', () => repository.versions('m').includes(2));
  assert.equal(repository.resolve('m', '').version, 2);
  assert.deepEqual(host.loads, ['m/1', 'm/2']);
  assert.deepEqual(host.breaches, []);
});

test('a replaced file is a new generation of its version; a broken one leaves the old generation serving', async (t) => {
  const { folder, served } = await serveOne(t);
  const { repository, host } = served;
  const first = repository.resolve('m', '');
  const callers = traffic(served, 'm');
  await put(folder, 'new', 1, 'ir3');
  await rename(join(folder, 'new', '1', 'model.onnx'), join(folder, 'm', '1', 'model.onnx'));
  await until('the new file serves', () => repository.resolve('m', '').handle !== first.handle);
  assert.deepEqual(repository.resolve('m', '').signature.inputs[0].shape, [-1, 2]);
  const second = repository.resolve('m', '');
  await truncate(join(folder, 'm', '1', 'model.onnx'), 30);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(repository.resolve('m', ''), second);
  await callers.stop();
  assert.deepEqual(host.breaches, []);
});

test('a changed manifest makes a new generation, a broken one changes nothing', async (t) => {
  const { folder, served } = await serveOne(t);
  const { repository, host } = served;
  await writeFile(join(folder, 'm', 'model.yaml'), 'max_batch: 16\nversion_labels: {stable: 1}\n');
  await until('the manifest holds', () => repository.resolve('m', '').batching.max_batch === 16);
  assert.equal(repository.resolve('m', 'stable'), repository.resolve('m', '1'));
  await writeFile(join(folder, 'm', 'model.yaml'), 'max_bacth: 32\n');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(repository.resolve('m', '').batching.max_batch, 16);
  assert.deepEqual(host.breaches, []);
});

test('an unloaded model is loaded again when its files change', async (t) => {
  const { folder, served } = await serveOne(t);
  await served.repository.unload('m');
  await put(folder, 'm', 2);
  await until('version 2 serves', () => served.repository.models().includes('m'));
  assert.equal(served.repository.resolve('m', '').version, 2);
});

test('reload after reload under traffic fails no request and leaks no memory', async (t) => {
  const { served } = await serveOne(t);
  const { repository, host } = served;
  host.run_ms = 1;
  host.load_ms = 3;
  const callers = traffic(served, 'm');
  for (let round = 0; round < 30; round++) await Promise.all([repository.load('m', {}), repository.load('m', {})]);
  await until('old generations are freed', () => host.held.size === 1);
  await callers.stop();
  assert.equal(host.loads.length, 31, 'two loads that wait together are one');
  assert.equal(host.unloads.length, 30);
  assert.equal(repository.memory().used_bytes, repository.resolve('m', '').memory_bytes);
  assert.deepEqual(host.breaches, []);
});

test('an unload ends a load that takes too long, and a load has a time limit', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'm', 1);
  const host = new MemoryHost();
  host.load_ms = 60_000;
  const { repository } = await serve(t, folder, { host, limits: { model_load_timeout_ms: 40 } });
  const waiting = host.request(repository.resolve('m', ''));
  await assert.rejects(waiting, { code: 'MODEL_NOT_READY', message: /did not load within 40 ms/ });
  assert.match(repository.index()[0].reason, /did not load within 40 ms/);
  const loading = repository.load('m', {});
  const refused = assert.rejects(loading, { message: /^failed to load 'm', / });
  await repository.unload('m');
  await refused;
  assert.deepEqual(repository.index(), [{ name: 'm', version: '1', state: 'UNAVAILABLE', reason: 'unloaded' }]);
  assert.equal(repository.memory().used_bytes, 0);
  assert.deepEqual(host.breaches, []);
});
