import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TidegateError } from '../../contract/error.js';
import type { ModelRepository } from '../../runtime/model/repository.js';
import { put, serve, temporaryFolder, until } from './fixture-folder.js';
import { MemoryHost } from './memory-host.js';
import { random } from './seeded-random.js';

const MODELS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** One random thing that people or the machine do to a folder of models. */
async function disturb(folder: string, repository: ModelRepository, next: () => number): Promise<void> {
  const model = MODELS[Math.floor(next() * MODELS.length)];
  const version = 1 + Math.floor(next() * 3);
  const dice = next();
  const directory = join(folder, model, String(version));
  if (dice < 0.25) await put(folder, model, version, next() < 0.5 ? 'batched' : 'ir3');
  else if (dice < 0.35) await rm(directory, { recursive: true, force: true });
  else if (dice < 0.4) await rm(join(folder, model), { recursive: true, force: true });
  else if (dice < 0.5) await writeFile(await put(folder, model, version), 'torn');
  else if (dice < 0.6)
    await put(folder, model, version).then(() =>
      writeFile(join(folder, model, 'model.yaml'), next() < 0.7 ? `max_batch: ${version}\n` : 'oops: 1\n'),
    );
  else if (dice < 0.8)
    await repository.load(model, next() < 0.3 ? { config: `{"max_batch_size": ${version}}` } : {}).catch(onlyRefusals);
  else if (dice < 0.9) await repository.unload(model);
  else await sleep(next() * 20);
}

function onlyRefusals(error: unknown): void {
  if (!(error instanceof TidegateError) || error.code === 'INTERNAL') throw error;
}

/** Two who change the same files get in each other's way. */
function onlyCollisions(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
}

for (const seed of [1, 2, 3]) {
  test(`whatever happens to a folder, the order of calls is kept, every request ends, and all is well afterwards (seed ${seed})`, async (t) => {
    const next = random(seed);
    const folder = await temporaryFolder(t);
    for (const model of MODELS) await put(folder, model, 1);
    const host = new MemoryHost();
    host.delay = () => next() * 4;
    host.refuse = () => (next() < 0.15 ? 'out of luck' : undefined);
    const limits = { model_memory_bytes: 101 * 4, drain_timeout_ms: 20_000 };
    const { repository } = await serve(t, folder, { host, limits, poll_ms: 5, memory_wait_ms: 200 });
    let stopped = false;
    const outcomes = { answered: 0, refused: 0 };
    const caller = async () => {
      while (!stopped) {
        const model = MODELS[Math.floor(next() * MODELS.length)];
        host.run_ms = next() < 0.1 ? 3 : 0;
        try {
          await host.request(repository.resolve(model, ''));
          outcomes.answered++;
        } catch (error) {
          onlyRefusals(error);
          outcomes.refused++;
        }
        await sleep(next() * 2);
      }
    };
    const callers = Promise.all(Array.from({ length: 5 }, caller));
    const disturber = async () => {
      for (let i = 0; i < 60; i++) await disturb(folder, repository, next).catch(onlyCollisions);
    };
    await Promise.all([disturber(), disturber()]);
    host.refuse = () => undefined;
    for (const model of MODELS) {
      await rm(join(folder, model, 'model.yaml'), { force: true });
      for (const version of [2, 3]) await rm(join(folder, model, String(version)), { recursive: true, force: true });
      await put(folder, model, 1);
      await repository.load(model, {}).catch(onlyRefusals);
    }
    stopped = true;
    await callers;
    for (const model of MODELS) {
      await until(`${model} serves version 1 again`, () => repository.models().includes(model));
      assert.equal(await host.request(repository.resolve(model, '')), `${model}/1`);
    }
    await until('nothing is left of what was replaced', () => host.held.size === MODELS.length);
    assert.deepEqual(host.breaches, []);
    assert.ok(outcomes.answered > 50 && outcomes.refused > 0, JSON.stringify(outcomes));
    assert.ok(host.peak_bytes <= limits.model_memory_bytes, `${host.peak_bytes} bytes at once`);
    await until('the books are right', () => repository.memory().used_bytes === host.used_bytes);
  });
}
