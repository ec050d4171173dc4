import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import * as exact from '../../../control-plane/performance/metrics/labelled-scores.js';
import { seededRandom } from '../../harness/seeded-random.js';
import { HOUR_MS, LabelRig, START_MS } from '../labels/label-rig.js';

const MetricSchema = z.object({
  value: z.number().optional(),
  error: z.number().optional(),
  absence: z.string().optional(),
});
const MeasuresSchema = z.record(z.string(), MetricSchema);
const PartSchema = z.object({
  verdict: z.string(),
  reason: z.string().optional(),
  labels: z.object({
    predicted: z.number(),
    joined: z.number(),
    late: z.number(),
    unusable: z.number(),
    coverage: z.number().optional(),
  }),
  metrics: MeasuresSchema,
  estimated: MeasuresSchema,
});
const ReportSchema = PartSchema.extend({
  task: z.string(),
  positive_class: z.string().optional(),
  confusion: z.object({ classes: z.array(z.string()), counts: z.array(z.array(z.number())) }).optional(),
  calibration: z.array(z.object({ n: z.number(), score: z.number(), observed: z.number() })).optional(),
  calibrated_by: z.object({ origin: z.string(), labels: z.number() }),
  series: z.array(PartSchema.extend({ from: z.string(), to: z.string() })).optional(),
  groups: z.array(PartSchema.extend({ group: z.string() })).optional(),
});

const iso = (hour: number) => new Date(START_MS + hour * HOUR_MS).toISOString();

async function ask(rig: LabelRig, path: string): Promise<z.infer<typeof ReportSchema>> {
  const { status, body } = await rig.get(`/v1/models/${path}`);
  assert.equal(status, 200, JSON.stringify(body));
  return ReportSchema.parse(body);
}

async function problem(rig: LabelRig, path: string): Promise<{ status: number; detail: string }> {
  const { status, body } = await rig.get(`/v1/models/${path}`);
  return { status, ...z.object({ detail: z.string() }).parse(body) };
}

/** Within the stated error, and a rounding. */
function near(
  metric: z.infer<typeof MetricSchema>,
  wanted: { readonly value?: number; readonly absence?: string | undefined },
  what: string,
): void {
  const { value, error = 0 } = metric;
  assert.ok(value !== undefined && wanted.value !== undefined, what);
  assert.ok(error < 0.05, `${what}: an error of ${error} says little`);
  assert.ok(Math.abs(value - wanted.value) <= error + 1e-9, `${what}: ${value} ± ${error}, and it is ${wanted.value}`);
}

/** Scores that are right as often as they say, but for version 2, which turns them around. */
async function binaryModel(rig: LabelRig, rows: number) {
  const random = seededRandom(11);
  const made = Array.from({ length: rows }, (_, i) => {
    const truth = random();
    const version = i % 3 === 0 ? 2 : 1;
    return {
      request_id: `r${i}`,
      ts_ms: START_MS + Math.floor((i * 4 * HOUR_MS) / rows),
      version,
      score: version === 1 ? truth : 1 - truth,
      segment: { region: i % 2 === 0 ? 'eu' : 'us' },
      label: random() < truth,
    };
  });
  await rig.layout('binary', 2, {
    classes: ['no', 'yes'],
    score: 'probability',
    task: 'binary',
    positive_class: 'yes',
  });
  await rig.log(made);
  return made;
}

type Row = Awaited<ReturnType<typeof binaryModel>>[number];

/** A part of a report against the rows that it is of. */
function compare(part: z.infer<typeof PartSchema>, some: readonly Row[], what: string): void {
  const { metrics, labels } = part;
  assert.deepEqual([part.verdict, labels.predicted, labels.joined], ['ok', some.length, some.length], what);
  const labelled = {
    scores: Float64Array.from(some, ({ score }) => score),
    labels: Uint8Array.from(some, ({ label }) => Number(label)),
  };
  near(metrics['auroc'], exact.auroc(labelled), `${what} auroc`);
  near(metrics['average_precision'], exact.averagePrecision(labelled), `${what} average precision`);
  near(metrics['log_loss'], exact.logLoss(labelled), `${what} log loss`);
  near(metrics['brier'], exact.brier(labelled), `${what} brier`);
  near(metrics['calibration_error'], exact.calibrationError(labelled), `${what} calibration error`);
  const decision = exact.decisionAt(labelled, 0.5);
  for (const name of ['accuracy', 'precision', 'recall', 'f1'] as const) {
    near(metrics[name], decision[name], `${what} ${name}`);
  }
}

test('binary performance from states is that of the rows, within its stated error; by version, segment and time too', async (t) => {
  const rig = await LabelRig.open(t);
  const rows = await binaryModel(rig, 3000);
  await rig.send(rows.map(({ request_id, label }) => ({ request_id, label, model: 'binary' })));
  await rig.join();
  const window = `from=${iso(0)}&to=${iso(4)}`;
  const report = await ask(rig, `binary/performance?${window}&bucket=hour&by=version`);
  compare(report, rows, 'all');
  assert.deepEqual([report.task, report.positive_class], ['binary', 'yes']);
  const { tp, tn } = rows.reduce(
    ({ tp, tn }, { score, label }) => ({
      tp: tp + Number(score >= 0.5 && label),
      tn: tn + Number(score < 0.5 && !label),
    }),
    { tp: 0, tn: 0 },
  );
  assert.deepEqual([report.confusion?.counts[1][1], report.confusion?.counts[0][0]], [tp, tn]);
  assert.equal(report.series?.length, 4);
  for (const [hour, part] of (report.series ?? []).entries()) {
    const own = rows.filter(({ ts_ms }) => Math.floor((ts_ms - START_MS) / HOUR_MS) === hour);
    compare(part, own, `hour ${hour}`);
  }
  assert.deepEqual(
    report.groups?.map(({ group }) => group),
    ['1', '2'],
  );
  for (const part of report.groups ?? []) {
    compare(
      part,
      rows.filter(({ version }) => String(version) === part.group),
      `version ${part.group}`,
    );
  }
  const regions = await ask(rig, `binary/performance?${window}&by=segment:region`);
  for (const part of regions.groups ?? []) {
    compare(
      part,
      rows.filter(({ segment }) => segment.region === part.group),
      `region ${part.group}`,
    );
  }
  const one = await ask(rig, `binary/performance?${window}&segment=region=eu&version=2`);
  compare(
    one,
    rows.filter(({ segment, version }) => segment.region === 'eu' && version === 2),
    'eu, version 2',
  );
});

test('before labels come, performance is estimated by scores that earlier labels have calibrated', async (t) => {
  const rig = await LabelRig.open(t);
  const random = seededRandom(3);
  // The true probability is the square of the score: only a calibrated estimate can be right.
  const rows = Array.from({ length: 6000 }, (_, i) => {
    const score = random();
    return { request_id: `r${i}`, ts_ms: START_MS + (i < 3000 ? 0 : HOUR_MS), score, label: random() < score * score };
  });
  await rig.log(rows);
  const window = `from=${iso(1)}&to=${iso(2)}`;
  const raw = await ask(rig, `binary/performance?${window}`);
  assert.deepEqual([raw.verdict, raw.reason, raw.calibrated_by.origin], ['noData', 'noLabels', 'none']);
  await rig.send(rows.slice(0, 3000).map(({ request_id, label }) => ({ request_id, label })));
  await rig.join();
  const { estimated, calibrated_by, labels } = await ask(rig, `binary/performance?${window}`);
  assert.deepEqual([calibrated_by.origin, calibrated_by.labels, labels.joined], ['before', 3000, 0]);
  await rig.send(rows.slice(3000).map(({ request_id, label }) => ({ request_id, label })));
  await rig.join();
  const { metrics } = await ask(rig, `binary/performance?${window}`);
  for (const name of ['accuracy', 'precision', 'recall', 'f1', 'auroc']) {
    const [guess, real, uncalibrated] = [estimated, metrics, raw.estimated].map(
      (each) => each[name].value ?? Number.NaN,
    );
    assert.ok(Math.abs(guess - real) < 0.03, `${name}: estimated ${guess}, and it is ${real}`);
    if (name === 'precision') assert.ok(Math.abs(uncalibrated - real) > 0.05, 'as they are, the scores would mislead');
  }
});

test('many classes, and numbers', async (t) => {
  const rig = await LabelRig.open(t);
  const answers = [
    ['a', 'a'],
    ['a', 'b'],
    ['b', 'b'],
    ['c', 'a'],
    ['c', 'd'],
  ];
  await rig.log([
    ...answers.map(([predicted], i) => ({ request_id: `m${i}`, model: 'multiclass', class: predicted, score: 0.7 })),
    ...[1, 2, 3].map((score) => ({ request_id: `n${score}`, model: 'regression', score })),
  ]);
  await rig.send([
    ...answers.map(([, label], i) => ({ request_id: `m${i}`, label })),
    ...[1, 2, 3].map((score) => ({ request_id: `n${score}`, label: score * 2 })),
  ]);
  await rig.join();
  const window = `from=${iso(0)}&to=${iso(1)}&min_samples=1`;
  const classes = await ask(rig, `multiclass/performance?${window}`);
  assert.equal(classes.metrics['accuracy'].value, 2 / 5);
  assert.deepEqual(classes.confusion, {
    classes: ['a', 'b', 'c', 'd'],
    counts: [
      [1, 0, 1, 0],
      [1, 1, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 1, 0],
    ],
  });
  assert.ok(Math.abs((classes.estimated['accuracy'].value ?? 0) - 0.7) < 0.001, 'the mean of the scores');
  const numbers = await ask(rig, `regression/performance?${window}`);
  const { rmse, mae, bias, r2 } = numbers.metrics;
  near(rmse, { value: Math.sqrt((1 + 4 + 9) / 3) }, 'rmse');
  near(mae, { value: 2 }, 'mae');
  near(bias, { value: -2 }, 'bias');
  near(r2, { value: 1 - 14 / 8 }, 'r2');
});

test('few labels and one class are verdicts; what cannot be asked is an error that says why', async (t) => {
  const rig = await LabelRig.open(t);
  await rig.log(Array.from({ length: 40 }, (_, i) => ({ request_id: `r${i}`, score: 0.5, ts_ms: START_MS + i })));
  await rig.send(Array.from({ length: 29 }, (_, i) => ({ request_id: `r${i}`, label: 'yes' })));
  await rig.join();
  const window = `from=${iso(0)}&to=${iso(1)}`;
  const few = await ask(rig, `binary/performance?${window}`);
  assert.deepEqual([few.verdict, few.reason, few.metrics], ['noData', 'fewLabels', {}]);
  const one = await ask(rig, `binary/performance?${window}&min_samples=29`);
  assert.deepEqual([one.verdict, one.metrics['auroc']], ['ok', { absence: 'oneClass' }]);
  assert.equal((await ask(rig, `binary/performance?from=${iso(2)}&to=${iso(3)}`)).reason, 'noLabels');
  const asked: readonly [path: string, status: number, pattern: RegExp][] = [
    [`unknown/performance?${window}`, 404, /nothing of a model 'unknown' has been logged/],
    [`binary/performance?from=${iso(1)}&to=${iso(1)}`, 400, /window .* is empty/],
    [`binary/performance?${window}&treshold=0.4`, 400, /did you mean 'threshold'/],
    [`binary/performance?${window}&threshold=2`, 400, /'threshold' is "2"/],
    [`binary/performance?${window}&by=segment`, 400, /give version, variant, node, or segment:<name>/],
    [`binary/performance?${window}&by=segment:a&segment=b=c`, 400, /one segment at a time/],
    [`binary/performance?from=2020-01-01&to=2026-01-01&bucket=day`, 400, /2192 stretches of one day/],
  ];
  for (const [path, status, pattern] of asked) {
    const found = await problem(rig, path);
    assert.equal(found.status, status, path);
    assert.match(found.detail, pattern);
  }
  await rig.layout('binary', 2, { classes: [], score: 'value', task: 'regression', positive_class: '' });
  await rig.log([{ request_id: 'x', version: 2, score: 3 }]);
  const mixed = await problem(rig, `binary/performance?${window}`);
  assert.match(mixed.detail, /version 2 is regression, version 1 is binary of 'yes': ask for one of them/);
  assert.equal((await ask(rig, `binary/performance?${window}&version=1&min_samples=1`)).labels.joined, 29);
  await rig.layout('binary', 3, { classes: [], score: 'none', task: 'none', positive_class: '' });
  assert.match((await problem(rig, `binary/performance?${window}&version=3`)).detail, /neither a score nor a class/);
});
