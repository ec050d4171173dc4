import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { put, serve, temporaryFolder, until } from './fixture-folder.js';

/** Room for one of the models. */
const ONE_MODEL_BYTES = 101 + 50;

test('an unload ends although the version that was just leaving memory is wanted again', {
  timeout: 20_000,
}, async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'a', 1);
  await put(folder, 'b', 1);
  const { repository, host } = await serve(t, folder, { limits: { model_memory_bytes: ONE_MODEL_BYTES }, poll_ms: 5 });
  await until('a is in memory', () => host.loads.includes('a/1'));
  await until('the start is over', () => repository.settled);
  host.unload_ms = 300;
  const answered = host.request(repository.resolve('b', ''));
  await until('a is being evicted', () => host.unloads.includes('a/1'));
  const unloading = repository.unload('a');
  // Its files change, though not those of version 1: that one is served again.
  await writeFile(await put(folder, 'a', 2), 'torn');
  await until('a is served again', () => repository.models().includes('a'));
  await unloading;
  assert.equal(await answered, 'b/1');
  host.unload_ms = 1;
  assert.equal(await host.request(repository.resolve('a', '')), 'a/1');
  assert.deepEqual(host.breaches, []);
});
