import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { FIRST_HOUR, iso, NEXT_HOUR, open, ROWS } from './logged-model.js';

const ReportSchema = z.object({
  features: z.array(z.object({ feature: z.string(), verdict: z.string(), samples: z.object({ current: z.number() }) })),
});
const SeasonSchema = z.object({
  against: z.object({ from: z.string(), to: z.string() }),
  features: z.array(
    z.object({ verdict: z.string(), samples: z.object({ reference: z.number(), current: z.number() }) }),
  ),
});
const AttributionSchema = z.object({
  attribution: z.object({
    total: z.number(),
    contributions: z.array(z.object({ name: z.string(), part: z.number(), rows: z.number() })),
  }),
});

test('versions with the same features in another order are compared feature by feature', async (t) => {
  const { log, ask } = await open(t, { 1: ['low', 'high'], 2: ['high', 'low'] });
  await log({ hour: 0, version: 1, num: (random) => [random(), 100 + random()] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  await log({ hour: 1, version: 1, num: (random) => [random(), 100 + random()] });
  await log({ hour: 1, version: 2, num: (random) => [100 + random(), random()] });
  const { body } = await ask(`drift?${NEXT_HOUR}`);
  const { features } = ReportSchema.parse(body);
  assert.deepEqual(features.map(({ feature, verdict, samples }) => [feature, verdict, samples.current]).sort(), [
    ['high', 'ok', 2 * ROWS],
    ['low', 'ok', 2 * ROWS],
  ]);
});

test('a version without a feature of the reference is named when it answered in the window, and only then', async (t) => {
  const { log, ask } = await open(t, { 1: ['low', 'high'], 2: ['low'] });
  await log({ hour: 0, version: 1, num: (random) => [random(), random()] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  await log({ hour: 1, version: 1, num: (random) => [random(), random()] });
  assert.equal((await ask(`drift?${NEXT_HOUR}`)).status, 200);
  await log({ hour: 1, version: 2, num: (random) => [random()] });
  const refused = await ask(`drift?${NEXT_HOUR}`);
  assert.equal(refused.status, 400);
  assert.match(JSON.stringify(refused.body), /feature 'high' as numeric, version 2 of m does not have it.*version=/);
  assert.equal((await ask(`drift?${NEXT_HOUR}&version=1`)).status, 200);
});

test('rows without a value of the segment are a group too: the rows of all groups are those of the window', async (t) => {
  const { log, ask } = await open(t, { 1: ['x'] });
  await log({ hour: 0, version: 1, num: (random) => [random()] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  // Rows with a tariff are as ever, an empty one among them; those without have moved.
  await log({ hour: 1, version: 1, num: (random) => [random()], segment: (i) => ({ tariff: ['a', 'b', ''][i % 3] }) });
  await log({ hour: 1, version: 1, num: (random) => [0.7 + random()] });
  const { body } = await ask(`drift/attribution?feature=x&by=segment:tariff&${NEXT_HOUR}`);
  const { total, contributions } = AttributionSchema.parse(body).attribution;
  assert.deepEqual(contributions.map(({ name, rows }) => [name, rows]).sort(), [
    ['(none)', ROWS],
    ['', ROWS / 3],
    ['a', ROWS / 3],
    ['b', ROWS / 3],
  ]);
  assert.equal(contributions[0].name, '(none)');
  const sum = contributions.reduce((parts, { part }) => parts + part, 0);
  assert.ok(Math.abs(sum - total) < 1e-12);
});

test('drift that came with the values of one source is attributed to it, whatever the order of features', async (t) => {
  const { log, ask } = await open(t, { 1: ['other', 'x'], 2: ['x', 'other'] });
  await log({ hour: 0, version: 1, num: (random) => [random(), random()] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  const sources = (i: number) => (i % 2 === 0 ? 'stream' : 'default');
  await log({ hour: 1, version: 1, num: (random) => [random(), random()], sources: (i) => ['request', sources(i)] });
  await log({
    hour: 1,
    version: 2,
    num: (random) => [0.7 + random(), random()],
    sources: () => ['backfill', 'request'],
  });
  const { body } = await ask(`drift/attribution?feature=x&by=source&${NEXT_HOUR}`);
  const { contributions } = AttributionSchema.parse(body).attribution;
  assert.deepEqual(contributions.map(({ name, rows }) => [name, rows]).sort(), [
    ['backfill', ROWS],
    ['default', ROWS / 2],
    ['stream', ROWS / 2],
  ]);
  assert.equal(contributions[0].name, 'backfill');
});

test('of very many groups none is left out: the small ones are counted together', async (t) => {
  const { log, ask } = await open(t, { 1: ['x'] });
  await log({ hour: 0, version: 1, num: (random) => [random()] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  await log({ hour: 1, version: 1, num: (random) => [random()], segment: (i) => ({ shop: `s${i % 120}` }) });
  const { body } = await ask(`drift/attribution?feature=x&by=segment:shop&${NEXT_HOUR}`);
  const { contributions } = AttributionSchema.parse(body).attribution;
  assert.equal(
    contributions.reduce((rows, each) => rows + each.rows, 0),
    ROWS,
  );
});

test('another window can stand for the reference: the one before, or the same hours of last week', async (t) => {
  const { log, ask } = await open(t, { 1: ['x'] });
  const WEEK = 7 * 24;
  await log({ hour: 0, version: 1, num: (random) => [random()] });
  assert.equal((await ask('references', FIRST_HOUR)).status, 201);
  // As a week ago, and other than the hour before.
  await log({ hour: 1 - WEEK, version: 1, num: (random) => [0.5 + random()] });
  await log({ hour: 1, version: 1, num: (random) => [0.5 + random()] });
  const verdictOf = async (reference: string) => {
    const { body } = await ask(`drift?${NEXT_HOUR}&reference=${reference}`);
    return SeasonSchema.parse(body);
  };
  const previous = await verdictOf('previous');
  assert.deepEqual(previous.against, { from: iso(0), to: iso(1) });
  assert.equal(previous.features[0].verdict, 'drift');
  const season = await verdictOf('same-hour-last-week');
  assert.deepEqual(season.against, { from: iso(1 - WEEK), to: iso(2 - WEEK) });
  assert.deepEqual(season.features[0].samples, { reference: ROWS, current: ROWS });
  assert.equal(season.features[0].verdict, 'ok');
  // A week that nobody logged is no reference, and no verdict.
  const { body } = await ask(`drift?from=${iso(0)}&to=${iso(1)}&reference=same-hour-last-week`);
  assert.equal(SeasonSchema.parse(body).features[0].verdict, 'noData');
  const wrong = await ask(`drift?${NEXT_HOUR}&reference=yesterday`);
  assert.match(JSON.stringify(wrong), /400.*give the id of a reference, previous or same-hour-last-week/);
});
