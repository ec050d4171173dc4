import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { TidegateClient } from '../../client/index.js';
import { ask, floats, post, repositoryIndex, until, valuesOf } from '../harness/ask.js';
import { modelFolder, SERVING_MODELS } from '../harness/checkout.js';
import { SOCKETS, startRuntime } from '../harness/runtime.js';
import { uwsMissing } from '../harness/uws.js';

const ROW = [1, 2, 3, 4];

interface Load {
  /** Answers by the version that gave them. */
  readonly answered: Map<string, number>;
  readonly failures: string[];
  stop(): Promise<void>;
}

/** Callers over HTTP and WebSocket that never pause, and check what they get: version n multiplies by n + 1. */
async function underLoad(url: string): Promise<Load> {
  const answered = new Map<string, number>();
  const failures: string[] = [];
  let running = true;
  const check = (version: string, values: readonly unknown[]): void => {
    answered.set(version, (answered.get(version) ?? 0) + 1);
    const expected = ROW.map((value) => value * (Number(version) + 1));
    if (JSON.stringify(values) !== JSON.stringify(expected)) failures.push(`version ${version} answered ${values}`);
  };
  const connection = await new TidegateClient(url).connect();
  const stream = await connection.openStream('scale');
  const http = async (): Promise<void> => {
    const { status, error, model_version, outputs } = await ask(url, 'scale', [floats('x', [ROW])]);
    if (status === 200) check(model_version, outputs.y);
    else failures.push(`${status} ${error}`);
  };
  const overStream = async (): Promise<void> => {
    const result = await stream.infer({ x: { shape: [1, 4], data: Float32Array.from(ROW) } });
    check(result.version, valuesOf(result, 'y'));
  };
  const callers = [http, http, http, overStream, overStream, overStream].map(async (once) => {
    while (running) {
      await once().catch((error: unknown) => failures.push(String(error)));
    }
  });
  return {
    answered,
    failures,
    stop: async () => {
      running = false;
      await Promise.all(callers);
      await connection.close();
    },
  };
}

for (const socket of SOCKETS) {
  const skip = socket === 'uws' && uwsMissing;

  test(`${socket}: reloading again and again under load fails no request and keeps no memory`, { skip }, async (t) => {
    const { url, node } = await startRuntime(t, await modelFolder(t, ['scale']), { socket, workers: 2 });
    const before = node.catalog.memory().used_bytes;
    const load = await underLoad(url);
    for (let i = 0; i < 10; i++) {
      assert.deepEqual((await post(url, '/v2/repository/models/scale/load')).status, 200);
      const seen = load.answered.get('2') ?? 0;
      await until('callers were served by it', () => (load.answered.get('2') ?? 0) > seen + 5);
    }
    await load.stop();
    assert.deepEqual(load.failures, []);
    await until('what was replaced is freed', () => node.catalog.memory().used_bytes === before);
  });

  test(`${socket}: versions that appear and disappear in the folder fail no request`, { skip }, async (t) => {
    const folder = await modelFolder(t, ['scale']);
    await rm(join(folder, 'scale', '2'), { recursive: true });
    const { url, node } = await startRuntime(t, folder, { socket, workers: 2, model_poll_ms: 20 });
    const before = node.catalog.memory().used_bytes;
    const load = await underLoad(url);
    for (let i = 0; i < 3; i++) {
      await cp(join(SERVING_MODELS, 'scale', '2'), join(folder, 'scale', '2'), { recursive: true });
      const second = load.answered.get('2') ?? 0;
      await until('the new version answers', () => (load.answered.get('2') ?? 0) > second + 5);
      await rm(join(folder, 'scale', '2'), { recursive: true });
      const first = load.answered.get('1') ?? 0;
      await until('the one below answers again', () => (load.answered.get('1') ?? 0) > first + 5);
    }
    await load.stop();
    assert.deepEqual(load.failures, []);
    await until('only one version is in memory', () => node.catalog.memory().used_bytes === before);
  });
}

test('an unloaded model is refused, says so in the index, and comes back with a load', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['scale']));
  assert.equal((await post(url, '/v2/repository/models/scale/unload')).status, 200);
  const refused = await ask(url, 'scale', [floats('x', [ROW])]);
  assert.ok(refused.status >= 400, String(refused.status));
  await until('it is unloaded', async () => (await repositoryIndex(url)).every(({ state }) => state !== 'READY'));
  assert.equal((await post(url, '/v2/repository/models/scale/load')).status, 200);
  assert.deepEqual((await ask(url, 'scale', [floats('x', [ROW])])).outputs.y, [3, 6, 9, 12]);
});
