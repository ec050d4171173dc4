import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_LIMITS } from '../../contract/limits.js';
import { Host } from '../../runtime/batch/host.js';
import { ModelRepository } from '../../runtime/model/repository.js';
import type { Observer } from '../../runtime/observe/observer.js';
import { FIXTURES, put, SILENT, TRITON_MODELS, temporaryFolder, until } from './fixture-folder.js';

const NOBODY: Observer = {
  admitted: () => undefined,
  executed: () => undefined,
  succeeded: () => undefined,
  failed: () => undefined,
  workerLost: () => undefined,
};

test('real threads load, evict, reload and free what the repository tells them', async (t) => {
  const folder = await temporaryFolder(t);
  await cp(TRITON_MODELS, folder, { recursive: true });
  for (const name of ['bf16_identity', 'bf16_branch', 'external', 'stateful', 'ir3']) await put(folder, name, 1, name);
  await cp(join(FIXTURES, 'external.weights'), join(folder, 'external', '1', 'external.weights'));
  await writeFile(
    join(folder, 'stateful', 'model.yaml'),
    'state: [{input: state, output: next}]\nconstants: {rate: 2}\n',
  );
  await writeFile(await put(folder, 'broken', 1), 'no model');
  // ONNX Runtime alone can tell that this one is wrong: it needs its weights.
  await put(folder, 'incomplete', 1, 'external');
  const host = new Host({ workers: 2, max_threads: 2, spin_us: 0, poll_us: 0, limits: DEFAULT_LIMITS }, NOBODY);
  const repository = await ModelRepository.start({
    directory: folder,
    host,
    workers: 1,
    limits: { ...DEFAULT_LIMITS, model_memory_bytes: 12_000 },
    log: SILENT,
    poll_ms: 20,
  });
  t.after(async () => {
    await repository.close();
    await host.stop(5000);
  });
  await repository.started();
  const states = new Map(repository.index().map(({ name, state, reason }) => [name, `${state} ${reason}`]));
  const unavailable = [...states].filter(([, state]) => state.startsWith('UNAVAILABLE'));
  assert.deepEqual(unavailable.map(([name]) => name).sort(), ['broken', 'incomplete'], String(unavailable));
  for (const name of repository.models()) {
    repository.resolve(name, '');
    await until(
      `${name} is in memory`,
      () => !/not in memory/.test(repository.index().find((entry) => entry.name === name)?.reason ?? 'gone'),
    );
    await repository.load(name, {});
    assert.ok(repository.ready(name, ''));
  }
  await put(folder, 'ir3', 2, 'batched');
  await until('the new version serves', () => repository.versions('ir3').includes(2));
  for (const name of repository.models()) await repository.unload(name);
  assert.equal(repository.memory().used_bytes, 0);
});
