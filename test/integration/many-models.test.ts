import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, floats, repositoryIndex, until } from '../harness/ask.js';
import { SERVING_MODELS, temporaryFolder } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';

const MODELS = 100;
const PINNED = new Set([3, 50]);
/** Memory for this many of the models. */
const ROOM = 20;

function nameOf(i: number): string {
  return `model-${String(i).padStart(3, '0')}`;
}

test('a hundred models on real threads share the memory of twenty: all answer, at random and at once', async (t) => {
  const folder = await temporaryFolder(t, 'models');
  for (let i = 0; i < MODELS; i++) {
    const directory = join(folder, nameOf(i));
    await mkdir(directory);
    await cp(join(SERVING_MODELS, 'scale', '1'), join(directory, '1'), { recursive: true });
    await writeFile(join(directory, 'model.yaml'), `instances: 1\npinned: ${PINNED.has(i)}\n`);
  }
  const alone = await startRuntime(t, join(folder), { max_threads: 4 });
  const { used_bytes } = alone.node.catalog.memory();
  const budget = Math.ceil((used_bytes / MODELS) * ROOM);
  await alone.node.stop();

  const { url, node } = await startRuntime(t, folder, { max_threads: 4, limits: { model_memory_bytes: budget } });
  let largest = 0;
  const askOne = async (i: number): Promise<void> => {
    const { outputs, error } = await ask(url, nameOf(i), [floats('x', [[i, i, i, i]])]);
    assert.deepEqual(outputs.y, [2 * i, 2 * i, 2 * i, 2 * i], `${nameOf(i)}: ${error}`);
    largest = Math.max(largest, node.catalog.memory().used_bytes);
  };
  const order = Array.from({ length: 3 * MODELS }, (_, i) => (i * 37) % MODELS);
  const callers = Array.from({ length: 8 }, async (_, caller) => {
    for (let i = caller; i < order.length; i += 8) await askOne(order[i]);
  });
  await Promise.all(callers);
  assert.ok(largest <= budget, `${largest} of ${budget} bytes`);
  assert.ok(largest > budget / 2, `only ${largest} of ${budget} bytes were used`);
  const resident = (await repositoryIndex(url)).filter(({ reason = '' }) => !/not in memory/.test(reason));
  for (const i of PINNED)
    assert.ok(
      resident.some(({ name }) => name === nameOf(i)),
      `${nameOf(i)} is pinned`,
    );
  await until('what is not in memory is still ready to be asked', async () =>
    (await repositoryIndex(url)).every(({ state }) => state === 'READY'),
  );
});
