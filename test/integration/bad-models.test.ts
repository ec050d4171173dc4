import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, floats, post, repositoryIndex, until } from '../harness/ask.js';
import { FIXTURES, modelFolder } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';
import { startRuntimeProcess } from '../harness/runtime-process.js';

const SLUGGISH = join(FIXTURES, 'serving-late', 'sluggish');

async function scaleAnswers(url: string): Promise<void> {
  const { outputs, error } = await ask(url, 'scale', [floats('x', [[1, 2, 3, 4]])]);
  assert.deepEqual(outputs.y, [3, 6, 9, 12], error);
}

test('a corrupt file, an empty one and a wrong manifest are in the index with the reason, and the others are served', async (t) => {
  const folder = await modelFolder(t, ['scale', 'half']);
  for (const [name, content] of [
    ['corrupt', 'this is no model'],
    ['empty', ''],
  ]) {
    await mkdir(join(folder, name, '1'), { recursive: true });
    await writeFile(join(folder, name, '1', 'model.onnx'), content);
  }
  await writeFile(join(folder, 'half', 'model.yaml'), 'max_bach: 4\n');
  const { url } = await startRuntime(t, folder);
  await scaleAnswers(url);
  const index = new Map((await repositoryIndex(url)).map((row) => [row.name, row]));
  for (const name of ['corrupt', 'empty', 'half']) {
    assert.equal(index.get(name)?.state, 'UNAVAILABLE', name);
    assert.ok((index.get(name)?.reason ?? '').length > 10, name);
    const refused = await ask(url, name, [floats('x', [[1]])]);
    assert.ok(refused.status >= 400 && refused.error !== '', name);
  }
  assert.match(index.get('half')?.reason ?? '', /max_bach.*max_batch/);
});

// In a process of its own: a thread that is busy in native code cannot be ended, only left behind.
test('a model whose load takes long holds nobody up, and is given up in time', async (t) => {
  const folder = await modelFolder(t, ['scale']);
  await cp(SLUGGISH, join(folder, 'sluggish'), { recursive: true });
  const { url } = await startRuntimeProcess(t, folder, ['--limit-model-load-timeout-ms', '700']);
  // It was loading while the other one became ready, and has been given up since.
  await scaleAnswers(url);
  const [row] = (await repositoryIndex(url)).filter(({ name }) => name === 'sluggish');
  assert.equal(row.state, 'UNAVAILABLE');
  assert.match(row.reason ?? '', /model_load_timeout_ms/);
  const loading = post(url, '/v2/repository/models/sluggish/load');
  await until('it loads', async () =>
    (await repositoryIndex(url)).some(({ name, state }) => name === 'sluggish' && state === 'LOADING'),
  );
  await scaleAnswers(url);
  const { status, body } = await loading;
  assert.equal(status, 400, JSON.stringify(body));
  await scaleAnswers(url);
});

test('a device that is not there yet is refused with the reason', async (t) => {
  const folder = await modelFolder(t, ['scale']);
  await writeFile(join(folder, 'scale', 'model.yaml'), 'device: cuda\n');
  const { url } = await startRuntime(t, folder);
  const index = await repositoryIndex(url);
  assert.ok(index.every(({ state }) => state === 'UNAVAILABLE'));
  assert.match(index.map(({ reason }) => reason).join(), /cuda/);
});
