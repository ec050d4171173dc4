import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { LabelRig, START_MS } from '../control-plane/labels/label-rig.js';
import { type ControlProcess, startControlProcess } from '../harness/control-process.js';
import { seededRandom } from '../harness/seeded-random.js';

const ROUNDS = 25;
const REQUESTS = 4000;
const UPLOAD = 200;
const seed = Number(process.env['LABELS_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const SummarySchema = z.object({ waiting: z.number(), joined: z.number() });

test('labels that were acknowledged are in every aggregate exactly once, however often joiner and store are killed', async (t) => {
  t.diagnostic(`to replay: LABELS_SEED=${seed} npm run test:slow -- slow/labels-exactly-once`);
  const random = seededRandom(seed);
  const rig = await LabelRig.open(t);
  const ids = Array.from({ length: REQUESTS }, (_, i) => `r${i}`);
  const scoreOf = (i: number) => ((i % 1000) + 0.5) / 1000;
  await rig.log(ids.map((request_id, i) => ({ request_id, score: scoreOf(i), ts_ms: START_MS + i })));
  const truth = new Map<number, { label: boolean; version: number }>();
  // Two of them: as replicas they compete for every step.
  const planes = await Promise.all([1, 2].map(() => startControlProcess(t, rig.store.url)));
  let kills = 0;
  let version = 0;
  let isOver = false;
  const sender = (async () => {
    while (!isOver) {
      version++;
      const picked = Array.from({ length: UPLOAD }, () => Math.floor(random() * REQUESTS));
      const labels = new Map(picked.map((i) => [i, { label: random() < 0.5, version }]));
      const body = JSON.stringify([...labels].map(([i, label]) => ({ request_id: ids[i], ...label })));
      await sendUntilTaken(planes, body);
      for (const [i, label] of labels) truth.set(i, label);
    }
  })();
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(200 + random() * 1200);
    kills++;
    if (random() < 0.4) {
      await rig.store.kill();
      await rig.store.restart();
    } else {
      const victim = Math.floor(random() * planes.length);
      await planes[victim].kill();
      planes[victim] = await startControlProcess(t, rig.store.url);
    }
  }
  isOver = true;
  await sender;
  await Promise.all(planes.map((plane) => plane.kill()));
  await rig.join();
  const cells = new Map<number, [n: number, positives: number, negatives: number]>();
  for (const [i, { label }] of truth) {
    const bin = (i % 1000) + 1;
    const [n, positives, negatives] = cells.get(bin) ?? [0, 0, 0];
    cells.set(bin, [n + 1, positives + Number(label), negatives + Number(!label)]);
  }
  const found = (await rig.scores('binary')).map(({ bin, n, positives, negatives }): [number, number[]] => [
    bin,
    [n, positives, negatives],
  ]);
  assert.deepEqual(new Map(found), new Map([...cells].sort(([a], [b]) => a - b)));
  const { joined, waiting } = SummarySchema.parse((await rig.get('/v1/labels')).body);
  assert.deepEqual([joined, waiting], [truth.size, 0]);
  t.diagnostic(JSON.stringify({ kills, uploads: version, labelled: truth.size }));
  assert.ok(version > ROUNDS, 'there was something to lose');
});

/** A label that was not acknowledged is sent again: with its version it counts once. */
async function sendUntilTaken(planes: readonly ControlProcess[], body: string): Promise<void> {
  for (let turn = 0; ; turn++) {
    try {
      const { url } = planes[turn % planes.length];
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${url}/v1/labels`, { method: 'POST', headers, body });
      await response.arrayBuffer();
      if (response.ok) return;
    } catch {
      // It was killed in the middle of it, or has not started again.
    }
    await sleep(50);
  }
}
