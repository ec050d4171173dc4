import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { put, serve, temporaryFolder, until } from './fixture-folder.js';
import { MemoryHost } from './memory-host.js';
import { random } from './seeded-random.js';

const NAME = (index: number) => `m${String(index).padStart(3, '0')}`;

test('a hundred models share the memory of twenty: all answer, pinned ones stay, the budget holds', async (t) => {
  const folder = await temporaryFolder(t);
  const bytes = await Promise.all(Array.from({ length: 100 }, (_, index) => put(folder, NAME(index), 1)));
  await writeFile(join(folder, NAME(90), 'model.yaml'), 'pinned: true\n');
  await writeFile(join(folder, NAME(91), 'model.yaml'), 'pinned: true\n');
  assert.equal(bytes.length, 100);
  const host = new MemoryHost();
  const probe = await serve(t, folder, { host: new MemoryHost() });
  const each = probe.repository.describe(NAME(0), '').memory_bytes;
  const { repository } = await serve(t, folder, { host, limits: { model_memory_bytes: each * 20 } });
  await repository.started();
  assert.equal(repository.models().length, 100);
  assert.equal(host.loads.length, 20, 'as many as fit are loaded at start');
  assert.ok(host.loads.includes(`${NAME(90)}/1`) && host.loads.includes(`${NAME(91)}/1`), 'pinned ones first');
  assert.ok(repository.index().every(({ state }) => state === 'READY'));

  const next = random(7);
  const line = async () => {
    for (let i = 0; i < 200; i++) {
      const index = Math.min(99, Math.floor(100 ** next()) - 1);
      assert.equal(await host.request(repository.resolve(NAME(index), '')), `${NAME(index)}/1`);
      assert.ok(repository.memory().used_bytes <= each * 20);
    }
  };
  await Promise.all(Array.from({ length: 6 }, line));
  assert.ok(host.loads.length > 50, 'the budget was never under pressure');
  assert.ok(host.peak_bytes <= each * 20, `${host.peak_bytes / each} models were in memory at once`);
  assert.ok(!host.unloads.includes(`${NAME(90)}/1`) && !host.unloads.includes(`${NAME(91)}/1`));
  assert.deepEqual(host.breaches, []);
});

test('the model that was used last is not the one that goes', async (t) => {
  const folder = await temporaryFolder(t);
  for (const name of ['a', 'b', 'c']) await put(folder, name, 1);
  const each = (await serve(t, folder)).repository.describe('a', '').memory_bytes;
  const { repository, host } = await serve(t, folder, { limits: { model_memory_bytes: each * 2 } });
  await repository.started();
  await host.request(repository.resolve('a', ''));
  repository.describe('b', '');
  await host.request(repository.resolve('c', ''));
  assert.deepEqual(host.unloads, ['b/1'], 'describe is no use');
});

test('while everyone in memory is busy a load waits, then fails with MEMORY_EXHAUSTED, and the next request tries again', async (t) => {
  const folder = await temporaryFolder(t);
  for (const name of ['a', 'b']) await put(folder, name, 1);
  const each = (await serve(t, folder)).repository.describe('a', '').memory_bytes;
  const host = new MemoryHost();
  const { repository } = await serve(t, folder, { host, memory_wait_ms: 60, limits: { model_memory_bytes: each } });
  await repository.started();
  host.run_ms = 400;
  const long = host.request(repository.resolve('a', ''));
  host.run_ms = 0;
  await assert.rejects(host.request(repository.resolve('b', '')), {
    code: 'MEMORY_EXHAUSTED',
    message: /model 'b' version 1 needs \d+ bytes/,
  });
  assert.equal(repository.ready('b', ''), true);
  assert.equal(await long, 'a/1');
  assert.equal(await host.request(repository.resolve('b', '')), 'b/1');
  assert.deepEqual(host.unloads, ['a/1']);
  assert.deepEqual(host.breaches, []);
});

test('a model larger than the budget is refused with both numbers', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'a', 1);
  const { repository } = await serve(t, folder, { limits: { model_memory_bytes: 10 } });
  await repository.started();
  assert.match(repository.index()[0].reason, /needs 101 bytes of memory, 91 more than the budget of 10 leaves/);
  await assert.rejects(repository.load('a', {}), {
    code: 'MEMORY_EXHAUSTED',
    message: /^failed to load 'a', version 1: /,
  });
});

test('a swap that finds no room leaves the old version serving and is tried again', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'a', 1);
  await writeFile(join(folder, 'a', 'model.yaml'), 'instances: 1\n');
  await put(folder, 'b', 1);
  const each = (await serve(t, folder)).repository.describe('a', '').memory_bytes;
  const host = new MemoryHost();
  const { repository } = await serve(t, folder, {
    host,
    poll_ms: 10,
    memory_wait_ms: 30,
    limits: { model_memory_bytes: each * 2 },
  });
  await repository.started();
  host.run_ms = 300;
  const busy = host.request(repository.resolve('b', ''));
  host.run_ms = 0;
  await put(folder, 'a', 2);
  await until('the swap was refused', () =>
    repository.index().some(({ version, state }) => version === '2' && state === 'UNAVAILABLE'),
  );
  assert.equal(await host.request(repository.resolve('a', '')), 'a/1');
  await busy;
  await repository.load('a', {});
  assert.equal(await host.request(repository.resolve('a', '')), 'a/2');
  assert.deepEqual(host.breaches, []);
});

test('small models are in every worker, and instances of a manifest are capped by the workers', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'everywhere', 1);
  await put(folder, 'twice', 1);
  await put(folder, 'often', 1);
  await writeFile(join(folder, 'twice', 'model.yaml'), 'instances: 2\n');
  await writeFile(join(folder, 'often', 'model.yaml'), 'instances: 99\n');
  const { repository } = await serve(t, folder, { workers: 4 });
  const instances = ['everywhere', 'twice', 'often'].map((name) => repository.describe(name, '').instances);
  assert.deepEqual(instances, [4, 2, 4]);
  assert.equal(repository.describe('twice', '').memory_bytes * 2, repository.describe('everywhere', '').memory_bytes);
});
