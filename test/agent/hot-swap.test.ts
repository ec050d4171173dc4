import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DesiredState, DesiredStateSchema } from '../../contract/desired-state.js';
import type { InferReply } from '../../contract/inference.js';
import { DEFAULT_LIMITS } from '../../contract/limits.js';
import { Admission } from '../../runtime/admission/admission.js';
import { Sequences } from '../../runtime/admission/sequences.js';
import { FleetCatalog } from '../../runtime/agent/fleet-catalog.js';
import { HostEngine } from '../../runtime/agent/host-engine.js';
import { NodeAgent } from '../../runtime/agent/node-agent.js';
import { Host } from '../../runtime/batch/host.js';
import { now_us } from '../../std/clock.js';
import { CountingObserver, request } from '../batch/rig.js';
import { SILENT, TRITON_MODELS, temporaryFolder, until } from '../model/fixture-folder.js';

const digest = (version: number): string => `sha256:${String(version).padStart(64, '0')}`;

function desired(epoch: number, weights: readonly (readonly [version: number, weight: number])[]): DesiredState {
  const versions = weights.map(([version, weight]) => ({
    version,
    digest: digest(version),
    weight,
    role: weight >= 50 ? 'champion' : 'canary',
    routes: weight >= 50 ? ['stable'] : ['beta'],
  }));
  return DesiredStateSchema.parse({ v: 1, epoch, placements: [{ versions }] });
}

async function openNode(t: Parameters<typeof temporaryFolder>[0]) {
  const folder = await temporaryFolder(t);
  const limits = DEFAULT_LIMITS;
  const observer = new CountingObserver();
  const host = new Host({ workers: 2, max_threads: 4, spin_us: 0, poll_us: 0, inline_us: 0, limits }, observer);
  const locate = ({ version }: { readonly version: number }): string => join(folder, 'artefacts', String(version));
  const engine = new HostEngine({ host, workers: 2, limits, budget_bytes: 1e9, locate });
  const agent = await NodeAgent.start({
    name: 'edge-1',
    labels: {},
    directory: join(folder, 'agent'),
    memory_bytes: 1e9,
    life: 1,
    tick_ms: 20,
    ports: {
      artefacts: {
        fetch: async ({ version }) => {
          await cp(join(TRITON_MODELS, 'two_versions', String(version)), locate({ version }), { recursive: true });
        },
        verify: async () => undefined,
      },
      engine,
      report: () => undefined,
      now_ms: () => performance.now(),
      log: SILENT,
    },
  });
  const catalog = new FleetCatalog(engine, agent);
  const sequences = new Sequences(host.arena, limits);
  const admission = new Admission({ catalog, host, sequences, observer, max_queue_bytes: limits.max_queue_bytes });
  t.after(async () => {
    await agent.close();
    sequences.stop();
    await host.stop(5000);
  });
  return { agent, catalog, admission, observer };
}

test('versions swap under load by desired state alone: no request fails, each answer is of the version that it names', async (t) => {
  const { agent, catalog, admission, observer } = await openNode(t);
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
  const line = async (): Promise<void> => {
    while (!stopped) await ask();
  };
  agent.hear('m', desired(1, [[1, 100]]));
  await until('version 1 serves', () => catalog.ready('m', '1'));
  const lines = Promise.all(Array.from({ length: 16 }, line));
  for (let round = 0; round < 10; round++) {
    const version = 2 - (round % 2);
    agent.hear('m', desired(2 + round, [[version, 100]]));
    const before = answers.get(String(version)) ?? 0;
    await until(`version ${version} answers`, () => (answers.get(String(version)) ?? 0) > before + 50);
    assert.deepEqual(catalog.versions('m'), [version]);
  }
  agent.hear(
    'm',
    desired(20, [
      [1, 75],
      [2, 25],
    ]),
  );
  await until('both serve', () => catalog.versions('m').length === 2);
  answers.clear();
  await until('both answer', () => (answers.get('1') ?? 0) + (answers.get('2') ?? 0) >= 2_000);
  stopped = true;
  await lines;
  assert.deepEqual(observer.failures, []);
  const [one, two] = [answers.get('1') ?? 0, answers.get('2') ?? 0];
  const spread = 6 * Math.sqrt((one + two) * 0.75 * 0.25);
  assert.ok(Math.abs(two - (one + two) * 0.25) < spread, `${two} of ${one + two} are not a quarter`);
});

test('what is not desired leaves memory, what is forced is obeyed or refused, and nobody loads past the fleet', async (t) => {
  const { agent, catalog } = await openNode(t);
  agent.hear(
    'm',
    desired(1, [
      [1, 75],
      [2, 25],
    ]),
  );
  await until('both serve', () => catalog.settled && catalog.ready('m', '2'));
  assert.equal(catalog.resolve('m', '2').version, 2);
  assert.equal(catalog.resolve('m', 'beta').version, 2);
  assert.equal(catalog.describe('m', '').version, 1);
  assert.throws(() => catalog.resolve('m', '3'), /'m' version 3 is not found/);
  assert.throws(() => catalog.resolve('m', 'gamma'), /'m' has no route 'gamma'/);
  await assert.rejects(catalog.load('m'), /decided by its fleet/);
  const both_bytes = catalog.memory().used_bytes;
  agent.hear('m', desired(2, [[1, 100]]));
  await until('version 2 is gone', () => catalog.index().length === 1);
  assert.ok(catalog.memory().used_bytes < both_bytes);
  agent.hear('m', DesiredStateSchema.parse({ v: 1, epoch: 3, placements: [] }));
  await until('nothing is in memory', () => catalog.memory().used_bytes === 0);
  assert.throws(() => catalog.resolve('m', ''), /'m' is not found/);
});
