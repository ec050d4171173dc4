import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { compareNumeric } from '../../../control-plane/drift/statistics/evidently.js';
import { numericSample } from '../../../control-plane/drift/statistics/sample.js';
import { seededRandom } from '../../harness/seeded-random.js';
import { FIRST_HOUR, NEXT_HOUR, open, ROWS } from './logged-model.js';

const MeasurementSchema = z.object({
  value: z.number().optional(),
  p: z.number().optional(),
  error: z.number().optional(),
  absence: z.string().optional(),
});
const ReportSchema = z.object({
  sample: z.object({ reference: z.object({ rows: z.number(), of: z.number() }), current: z.unknown() }).optional(),
  multivariate: z
    .object({
      pca: z.object({ verdict: z.string(), components: z.number(), columns: z.number() }).optional(),
      classifier: z
        .object({ verdict: z.string(), value: z.number().optional(), standard_error: z.number().optional() })
        .optional(),
    })
    .default({}),
  features: z.array(
    z.object({
      feature: z.string(),
      verdict: z.string(),
      reason: z.string().optional(),
      measure: z.string(),
      samples: z.object({ reference: z.number(), current: z.number() }),
      measures: z.record(z.string(), MeasurementSchema),
    }),
  ),
});

/** What `open` logs in its insert of this number. */
function column(insert: number, value: (random: () => number) => number): Float64Array {
  const random = seededRandom(insert);
  return Float64Array.from({ length: ROWS }, () => value(random));
}

test('exact mode answers what the statistics say of the same rows, and binned mode lies within its stated error of it', async (t) => {
  const { log, ask } = await open(t, { 1: ['x'] });
  const [calm, moved] = [(random: () => number) => random() ** 2, (random: () => number) => 0.05 + random() ** 2];
  await log({ hour: 0, version: 1, num: (random) => [calm(random)] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  await log({ hour: 1, version: 1, num: (random) => [moved(random)] });
  const [exact, binned] = await Promise.all(
    ['exact', 'binned'].map(async (mode) => ReportSchema.parse((await ask(`drift?${NEXT_HOUR}&mode=${mode}`)).body)),
  );
  assert.deepEqual(exact.sample, { reference: { rows: ROWS, of: ROWS }, current: { rows: ROWS, of: ROWS } });
  const { choice, measures } = compareNumeric(numericSample(column(1, calm)), numericSample(column(2, moved)));
  const [found] = exact.features;
  assert.equal(found.measure, choice);
  assert.deepEqual(found.measures, JSON.parse(JSON.stringify(measures)));
  for (const measure of ['kolmogorovSmirnov', 'wasserstein']) {
    const { value = Number.NaN, error = Number.NaN } = binned.features[0].measures[measure];
    const difference = Math.abs(value - (found.measures[measure].value ?? Number.NaN));
    assert.ok(difference <= error + 1e-12, `${measure}: ${difference} beyond ${error}`);
  }
});

test('a large window is sampled, evenly by chance, and says so', async (t) => {
  const { log, ask } = await open(t, { 1: ['row'] });
  let row = 0;
  await log({ hour: 0, version: 1, num: () => [row++ % ROWS] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  await log({ hour: 1, version: 1, num: () => [row++ % ROWS] });
  const { sample, features } = ReportSchema.parse((await ask(`drift?${NEXT_HOUR}&mode=exact&rows=200`)).body);
  assert.deepEqual(sample, { reference: { rows: 200, of: ROWS }, current: { rows: 200, of: ROWS } });
  assert.deepEqual(features[0].samples, { reference: 200, current: 200 });
  // The first two hundred rows of an hour would all be below a third of what is found all over it.
  const distance = features[0].measures['wassersteinNormed'].value ?? Number.NaN;
  assert.ok(distance < 0.35, `${distance}`);
});

test('features that no longer vary together are found though each of them is as ever', async (t) => {
  const { log, ask } = await open(t, { 1: ['a', 'b', 'c'] });
  const together = (random: () => number) => {
    const x = random();
    return [x, x + 0.05 * random(), random()];
  };
  await log({ hour: 0, version: 1, num: together });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  await log({ hour: 1, version: 1, num: together });
  const question = `drift?${NEXT_HOUR}&mode=exact&multivariate=pca,classifier`;
  const calm = ReportSchema.parse((await ask(question)).body);
  assert.deepEqual(calm.multivariate.pca, { verdict: 'ok', components: 1, columns: 3 });
  assert.equal(calm.multivariate.classifier?.verdict, 'ok');
  assert.deepEqual(ReportSchema.parse((await ask(question)).body).multivariate, calm.multivariate);
  await log({ hour: 1, version: 1, num: (random) => [random(), random() + 0.05 * random(), random()] });
  const apart = ReportSchema.parse((await ask(question)).body);
  assert.equal(apart.multivariate.pca?.verdict, 'drift');
  assert.equal(apart.multivariate.classifier?.verdict, 'drift');
  assert.deepEqual(
    apart.features.map(({ verdict }) => verdict),
    ['ok', 'ok', 'ok'],
  );
  const few = ReportSchema.parse((await ask(`${question}&rows=50`)).body);
  assert.equal(few.multivariate.pca?.verdict, 'noData');
  assert.deepEqual(few.multivariate.classifier, { verdict: 'noData' });
  const wrong = await ask(`drift?${NEXT_HOUR}&mode=exact&multivariate=pca,pcb`);
  assert.match(JSON.stringify(wrong), /400.*give none, or one or more of pca,classifier/);
  const binned = await ask(`drift?${NEXT_HOUR}&multivariate=pca`);
  assert.match(JSON.stringify(binned), /400.*add mode=exact/);
});

test('columns without a value, constants and infinities have a verdict of their own', async (t) => {
  const { log, ask } = await open(t, { 1: ['never', 'constant', 'wild', 'gone'] });
  const values = (gone: number) => (random: () => number) => {
    const x = random();
    return [Number.NaN, 7, x < 0.1 ? Number.NEGATIVE_INFINITY : x, gone];
  };
  await log({ hour: 0, version: 1, num: values(1) });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  await log({ hour: 1, version: 1, num: values(Number.NaN) });
  for (const mode of ['exact', 'binned']) {
    const { features } = ReportSchema.parse((await ask(`drift?${NEXT_HOUR}&mode=${mode}`)).body);
    const verdicts = Object.fromEntries(features.map(({ feature, verdict }) => [feature, verdict]));
    assert.deepEqual(verdicts, { never: 'noData', constant: 'ok', wild: 'ok', gone: 'noData' }, mode);
    const gone = features.find(({ feature }) => feature === 'gone');
    assert.deepEqual([gone?.measures['nullRate'].value, gone?.reason], [1, 'allNull'], mode);
  }
});
