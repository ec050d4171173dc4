import assert from 'node:assert/strict';
import { test } from 'node:test';
import { put, serve, temporaryFolder, until } from './fixture-folder.js';

test('a version whose threads were given up is not ready, the index says why, and a load mends it', async (t) => {
  const folder = await temporaryFolder(t);
  await put(folder, 'a', 1);
  const { repository, host } = await serve(t, folder);
  await until('a is served', () => repository.ready('a', ''));
  host.refused.set(repository.describe('a', '').handle, new Error('its worker thread died again and again'));
  assert.equal(repository.ready('a', ''), false);
  assert.deepEqual(repository.index(), [
    { name: 'a', version: '1', state: 'UNAVAILABLE', reason: 'its worker thread died again and again' },
  ]);
  await repository.load('a', {});
  assert.equal(repository.ready('a', ''), true);
  assert.equal(repository.index()[0]?.state, 'READY');
});
