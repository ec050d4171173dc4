import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { FIRST_HOUR, iso, NEXT_HOUR, open, ROWS } from './logged-model.js';

const JudgedSchema = z.object({ feature: z.string(), verdict: z.string(), reason: z.string().optional() });
const MethodSchema = z.object({ verdict: z.string(), value: z.number().optional() });
const ReportSchema = z.object({
  verdict: z.object({ verdict: z.string(), judged: z.number() }),
  features: z.array(JudgedSchema),
  multivariate: z.object({ pca: MethodSchema, classifier: MethodSchema }).optional(),
  series: z.object({ values: z.record(z.string(), z.array(z.number().nullable())) }).optional(),
});
const AttributionSchema = z.object({ attribution: z.unknown().optional(), absence: z.string().optional() });

const MULTIVARIATE = 'mode=exact&multivariate=pca,classifier';

test('an empty window has no verdict, in whatever way it is asked', async (t) => {
  const { log, ask } = await open(t, { 1: ['x', 'y'] });
  await log({ hour: 0, version: 1, num: (random) => [random(), random()] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  for (const how of ['mode=binned', MULTIVARIATE, 'bucket=hour']) {
    const { status, body } = await ask(`drift?${NEXT_HOUR}&${how}`);
    assert.equal(status, 200, JSON.stringify(body));
    const { verdict, features, multivariate, series } = ReportSchema.parse(body);
    assert.deepEqual(verdict, { verdict: 'noData', judged: 0 }, how);
    for (const { verdict: each, reason } of features) assert.deepEqual([each, reason], ['noData', 'noData'], how);
    if (how === MULTIVARIATE) {
      assert.deepEqual(multivariate, { pca: { verdict: 'noData' }, classifier: { verdict: 'noData' } });
    }
    if (how === 'bucket=hour') assert.deepEqual(series?.values, { x: [null], y: [null] });
  }
  const { body } = await ask(`drift/attribution?feature=x&by=node&${NEXT_HOUR}`);
  assert.equal(AttributionSchema.parse(body).absence, 'noData');
});

test('features without values, constants and infinities neither stop nor mislead the comparison of all together', async (t) => {
  const { log, ask } = await open(t, { 1: ['never', 'constant', 'wild', 'plain'] });
  const values = (shift: number) => (random: () => number) => {
    const x = random();
    return [
      Number.NaN,
      7,
      x < 0.1 ? Number.NEGATIVE_INFINITY : x > 0.9 ? Number.POSITIVE_INFINITY : x,
      random() + shift,
    ];
  };
  await log({ hour: 0, version: 1, num: values(0) });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  await log({ hour: 1, version: 1, num: values(0) });
  await log({ hour: 2, version: 1, num: values(0.5) });
  const verdicts = async (hour: number) => {
    const { body } = await ask(`drift?from=${iso(hour)}&to=${iso(hour + 1)}&${MULTIVARIATE}`);
    const { pca, classifier } = ReportSchema.parse(body).multivariate ?? assert.fail('there is none');
    assert.ok(Number.isFinite(pca.value) && Number.isFinite(classifier.value));
    return [pca.verdict, classifier.verdict];
  };
  assert.deepEqual(await verdicts(1), ['ok', 'ok']);
  assert.equal((await verdicts(2))[1], 'drift');
});

test('a constant that is another one now has drifted, and one that stays has not', async (t) => {
  const { log, ask } = await open(t, { 1: ['same', 'other'] });
  await log({ hour: 0, version: 1, num: () => [7, 7] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  await log({ hour: 1, version: 1, num: () => [7, 7.5] });
  for (const mode of ['binned', 'exact']) {
    const { features } = ReportSchema.parse((await ask(`drift?${NEXT_HOUR}&mode=${mode}`)).body);
    const verdicts = Object.fromEntries(features.map(({ feature, verdict }) => [feature, verdict]));
    assert.deepEqual(verdicts, { same: 'ok', other: 'drift' }, mode);
  }
});

test('a feature that became another type is refused by its name, in every mode, and only where such rows are', async (t) => {
  const { log, ask, client } = await open(t, { 1: ['x', 'y'] });
  await log({ hour: 0, version: 1, num: (random) => [random(), random()] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  const features = [
    { name: 'x', kind: 'categorical', privacy: 'plain' },
    { name: 'y', kind: 'numeric', privacy: 'plain' },
  ];
  await client.insert({
    table: 'tidegate.feature_layouts',
    values: [
      {
        model: 'm',
        version: 2,
        digest: 'e',
        layout: JSON.stringify({ features, classes: [], score: 'none', inputs: 'kept' }),
      },
    ],
    format: 'JSONEachRow',
  });
  await log({ hour: 1, version: 1, num: (random) => [random(), random()] });
  await log({ hour: 2, version: 2, num: (random) => [random()] });
  const calm = ReportSchema.parse((await ask(`drift?${NEXT_HOUR}`)).body);
  assert.equal(calm.verdict.judged, 2);
  for (const how of ['', '&mode=exact', '&bucket=hour', '&reference=previous']) {
    const refused = await ask(`drift?from=${iso(1)}&to=${iso(3)}${how}`);
    assert.equal(refused.status, 400, how);
    assert.match(
      JSON.stringify(refused.body),
      /'x' as numeric, version 2 of m has it as categorical: look at one version/,
    );
  }
  const one = await ask(`drift?from=${iso(1)}&to=${iso(3)}&version=1`);
  assert.deepEqual([one.status, ReportSchema.parse(one.body).verdict.judged], [200, 2]);
  const made = await ask('references', { window: { from: iso(2), to: iso(3) }, version: 2 });
  assert.equal(z.object({ rows: z.number() }).parse(made.body).rows, ROWS);
});
