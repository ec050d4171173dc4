import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InferReply } from '../../contract/inference.js';
import { DEFAULT_LIMITS } from '../../contract/limits.js';
import { Admission } from '../../runtime/admission/admission.js';
import { Sequences } from '../../runtime/admission/sequences.js';
import { Host } from '../../runtime/batch/host.js';
import { ModelRepository } from '../../runtime/model/repository.js';
import { now_us } from '../../std/clock.js';
import { CountingObserver, request } from '../batch/rig.js';
import { FIXTURES, put, SILENT, TRITON_MODELS, temporaryFolder, until } from './fixture-folder.js';

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
  const host = new Host(
    { workers: 2, max_threads: 2, spin_us: 0, poll_us: 0, inline_us: 0, limits: DEFAULT_LIMITS },
    new CountingObserver(),
  );
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

test('reloads and new versions under traffic through real threads fail no request and free what they replace', async (t) => {
  const folder = await temporaryFolder(t);
  await cp(join(TRITON_MODELS, 'two_versions', '1'), join(folder, 'm', '1'), { recursive: true });
  const limits = DEFAULT_LIMITS;
  const observer = new CountingObserver();
  const host = new Host({ workers: 2, max_threads: 4, spin_us: 0, poll_us: 0, inline_us: 0, limits }, observer);
  const repository = await ModelRepository.start({
    directory: folder,
    host,
    workers: 2,
    limits,
    log: SILENT,
    poll_ms: 20,
  });
  const sequences = new Sequences(host.arena, limits);
  const { max_queue_bytes } = limits;
  const admission = new Admission({ catalog: repository, host, sequences, observer, max_queue_bytes });
  t.after(async () => {
    await repository.close();
    sequences.stop();
    await host.stop(5000);
  });
  const answers = new Map<string, number>();
  let stopped = false;
  const ask = () =>
    new Promise<void>((resolve, reject) => {
      const asked = request('m', [['INPUT', 'FP32', [1, 2], new Uint8Array(Float32Array.of(10, 20).buffer)]]);
      const answered = ({ version, outputs: [output] }: InferReply) => {
        const added = new Float32Array(Uint8Array.from(output.bytes).buffer)[0] - 10;
        assert.equal(String(added), version, 'version n adds n');
        answers.set(version, (answers.get(version) ?? 0) + 1);
        resolve();
      };
      admission.infer(asked, { answered, failed: reject }, 'http', now_us());
    });
  const line = async () => {
    while (!stopped) await ask();
  };
  const lines = Promise.all(Array.from({ length: 16 }, line));
  await until('answers', () => (answers.get('1') ?? 0) > 100);
  for (let round = 0; round < 10; round++) await repository.load('m', {});
  await cp(join(TRITON_MODELS, 'two_versions', '2'), join(folder, 'm', '2'), { recursive: true });
  await until('answers of version 2', () => (answers.get('2') ?? 0) > 100);
  for (let round = 0; round < 5; round++) await repository.load('m', {});
  stopped = true;
  await lines;
  assert.deepEqual(observer.failures, []);
  await until(
    'all but one generation is freed',
    () => repository.memory().used_bytes === repository.resolve('m', '').memory_bytes,
  );
});
