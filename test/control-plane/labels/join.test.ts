import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { HOUR_MS, LabelRig, START_MS } from './label-rig.js';

const iso = (ms: number) => new Date(ms).toISOString();
const SummarySchema = z.object({
  labels: z.number(),
  waiting: z.number(),
  joined: z.number(),
  late: z.number(),
  unusable: z.number(),
});

async function summary(rig: LabelRig): Promise<z.infer<typeof SummarySchema>> {
  return SummarySchema.parse((await rig.get('/v1/labels')).body);
}

test('a label finds the prediction that was logged before it, or comes after it', async (t) => {
  const rig = await LabelRig.open(t);
  await rig.log([{ request_id: 'a', score: 0.9 }]);
  assert.equal(
    (
      await rig.send([
        { request_id: 'a', label: 'yes' },
        { request_id: 'b', label: 'no' },
      ])
    ).status,
    200,
  );
  await rig.join();
  assert.deepEqual(await rig.scores('binary'), [{ bin: 901, n: 1, positives: 1, negatives: 0 }]);
  assert.deepEqual(await summary(rig), { labels: 2, waiting: 1, joined: 1, late: 0, unusable: 0 });
  await rig.log([{ request_id: 'b', score: 0.25, share: 0.5 }]);
  await rig.join();
  assert.deepEqual(await rig.scores('binary'), [
    { bin: 251, n: 1, positives: 0, negatives: 2 },
    { bin: 901, n: 1, positives: 1, negatives: 0 },
  ]);
  assert.equal((await summary(rig)).waiting, 0);
});

test('what is repeated counts once, what is corrected counts as it is now, and an older version changes nothing', async (t) => {
  const rig = await LabelRig.open(t);
  await rig.log([{ request_id: 'a', score: 0.5 }]);
  const joiner = rig.joiner();
  for (const [label, version] of [
    ['yes', 5],
    ['yes', 5],
    ['no', 7],
    ['yes', 6],
  ]) {
    assert.equal((await rig.send({ request_id: 'a', label, version })).status, 200);
    await rig.join(joiner);
  }
  assert.deepEqual(await rig.scores('binary'), [{ bin: 501, n: 1, positives: 0, negatives: 1 }]);
});

test('without versions the label that came last counts, within a request too', async (t) => {
  const rig = await LabelRig.open(t);
  await rig.log([{ request_id: 'a', score: 0.5 }]);
  await rig.send([
    { request_id: 'a', label: false },
    { request_id: 'a', label: true },
  ]);
  await rig.join();
  assert.deepEqual(await rig.scores('binary'), [{ bin: 501, n: 1, positives: 1, negatives: 0 }]);
  await rig.send({ request_id: 'a', label: 0 });
  await rig.join();
  assert.deepEqual(await rig.scores('binary'), [{ bin: 501, n: 1, positives: 0, negatives: 1 }]);
});

test('a label of an entity is of the latest prediction before its time, also of one that reaches the log later', async (t) => {
  const rig = await LabelRig.open(t);
  const at = (hours: number, request_id: string, score: number) => ({
    request_id,
    entity_key: 'e',
    ts_ms: START_MS + hours * HOUR_MS,
    score,
  });
  await rig.log([at(0, 'first', 0.1), at(4, 'after', 0.4), { ...at(2, 'other', 0.9), entity_key: 'f' }]);
  await rig.send({ entity_key: 'e', model: 'binary', ts: iso(START_MS + 3 * HOUR_MS), label: 'yes' });
  await rig.join();
  assert.deepEqual(await rig.scores('binary'), [{ bin: 101, n: 1, positives: 1, negatives: 0 }]);
  await rig.log([at(2, 'nearer', 0.2)]);
  await rig.join();
  assert.deepEqual(await rig.scores('binary'), [{ bin: 201, n: 1, positives: 1, negatives: 0 }]);
});

test('a label that was known after the window is counted as late, and no performance is made of it', async (t) => {
  const rig = await LabelRig.open(t);
  await rig.log([{ request_id: 'a', score: 0.5 }]);
  await rig.send({ request_id: 'a', label: 'yes', ts: iso(START_MS + 3 * HOUR_MS) });
  await rig.join(rig.joiner(2 * HOUR_MS));
  assert.deepEqual(await rig.scores('binary'), []);
  assert.deepEqual(await summary(rig), { labels: 1, waiting: 0, joined: 0, late: 1, unusable: 0 });
});

test('all variants that answered a request are labelled, rows and segments apart', async (t) => {
  const rig = await LabelRig.open(t);
  await rig.log([
    { request_id: 'a', score: 0.9, segment: { region: 'eu' } },
    { request_id: 'a', row: 1, score: 0.1 },
    { request_id: 'a', score: 0.3, version: 2, variant: 'shadow' },
  ]);
  await rig.layout('binary', 2, { classes: ['no', 'yes'], score: 'probability', task: 'binary', positive_class: 'no' });
  await rig.send([
    { request_id: 'a', label: 'yes' },
    { request_id: 'a', row: 1, label: 'no' },
  ]);
  await rig.join();
  const found = await rig.rows(
    `SELECT version, variant, segment, bin, toInt32(sum(n)) AS n, sum(positives) AS positives FROM tidegate.perf_hist
     GROUP BY ALL ORDER BY version, segment, bin`,
  );
  const row = (version: number, variant: string, segment: string, bin: number, positives: number) => ({
    version,
    variant,
    segment,
    bin,
    n: 1,
    positives,
  });
  assert.deepEqual(found, [
    row(1, 'champion', '', 101, 0),
    row(1, 'champion', '', 901, 1),
    row(1, 'champion', 'region=eu', 901, 1),
    row(2, 'shadow', '', 301, 0),
  ]);
});

test('a label that means nothing to the version that answered is counted as such', async (t) => {
  const rig = await LabelRig.open(t);
  await rig.log([
    { request_id: 'a', score: 0.5 },
    { request_id: 'b', model: 'regression', score: 3 },
    { request_id: 'c', model: 'regression', score: 3 },
  ]);
  await rig.send([
    { request_id: 'a', label: 'perhaps' },
    { request_id: 'b', label: 'much' },
    { request_id: 'c', label: '2.5' },
  ]);
  await rig.join();
  assert.deepEqual(await summary(rig), { labels: 3, waiting: 0, joined: 1, late: 0, unusable: 2 });
  const errors = await rig.rows('SELECT sum(error) AS error, sum(squared_error) AS squared FROM tidegate.perf_error');
  assert.deepEqual(errors, [{ error: 0.5, squared: 0.25 }]);
});

test('two joiners at once count everything once', async (t) => {
  const rig = await LabelRig.open(t);
  const ids = Array.from({ length: 300 }, (_, i) => `r${i}`);
  await rig.log(ids.map((request_id, i) => ({ request_id, score: i / 300 })));
  const joiners = [rig.joiner(), rig.joiner(), rig.joiner()];
  for (let round = 0; round < 3; round++) {
    const sent = ids.map((request_id, i) => ({ request_id, label: (i + round) % 3 === 0 }));
    for (let from = 0; from < 300; from += 60) await rig.send(sent.slice(from, from + 60));
    await Promise.all(joiners.map((joiner) => rig.join(joiner)));
  }
  const scores = await rig.scores('binary');
  const sum = (name: 'n' | 'positives' | 'negatives') => scores.reduce((total, cell) => total + cell[name], 0);
  assert.deepEqual([sum('n'), sum('positives'), sum('negatives')], [300, 100, 200]);
});
