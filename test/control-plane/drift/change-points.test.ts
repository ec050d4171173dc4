import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { seededRandom } from '../../harness/seeded-random.js';
import { HOUR_MS, LabelRig, START_MS } from '../labels/label-rig.js';

const ReportSchema = z.object({
  verdict: z.string(),
  rows: z.number(),
  skipped: z.number(),
  is_cut: z.boolean(),
  changes: z.array(z.string()),
  stretches: z.array(z.object({ from: z.string(), to: z.string(), rows: z.number(), mean: z.number() })),
});
const iso = (ms: number) => new Date(ms).toISOString();
const WINDOW = `from=${iso(START_MS)}&to=${iso(START_MS + HOUR_MS)}`;
const STEP_MS = 1000;
const ROWS = 3000;
const CHANGE = 2000;

async function ask(rig: LabelRig, query: string): Promise<z.infer<typeof ReportSchema>> {
  const { status, body } = await rig.get(`/v1/models/${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return ReportSchema.parse(body);
}

test('a change of scores, and one of errors, is told with its time; calm streams have none', async (t) => {
  const rig = await LabelRig.open(t);
  const random = seededRandom(5);
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const score = i < CHANGE ? random() * 0.5 : 0.4 + random() * 0.5;
    // Right until the change, a coin from then on.
    const label = i < CHANGE ? score >= 0.5 : random() < 0.5;
    return { request_id: `r${i}`, ts_ms: START_MS + i * STEP_MS, score, label };
  });
  await rig.log(rows.toReversed());
  await rig.send(rows.map(({ request_id, label }) => ({ request_id, label })));
  await rig.join();
  const changed_ms = START_MS + CHANGE * STEP_MS;
  const last_ms = START_MS + ROWS * STEP_MS;
  for (const [query, before, after] of [
    ['feature=@score', 0.25, 0.65],
    ['feature=@score&detector=page-hinkley', 0.25, 0.65],
    ['feature=@error', 0, 0.5],
    ['feature=@error&detector=adwin', 0, 0.5],
  ] as const) {
    const { verdict, rows: read, changes, stretches } = await ask(rig, `binary/drift/changes?${WINDOW}&${query}`);
    assert.deepEqual([verdict, read], ['drift', ROWS], query);
    const [first] = changes;
    assert.ok(
      Date.parse(first) >= changed_ms && Date.parse(first) < changed_ms + 300 * STEP_MS,
      `${query}: ${changes}`,
    );
    assert.ok(Math.abs(stretches[0].mean - before) < 0.06, `${query}: ${JSON.stringify(stretches)}`);
    assert.ok(Math.abs((stretches.at(-1)?.mean ?? 0) - after) < 0.1, `${query}: ${JSON.stringify(stretches)}`);
    assert.equal(
      stretches.reduce((sum, stretch) => sum + stretch.rows, 0),
      ROWS,
    );
  }
  const calm = await ask(rig, `binary/drift/changes?from=${iso(START_MS)}&to=${iso(changed_ms)}&feature=@score`);
  assert.deepEqual([calm.verdict, calm.changes, calm.stretches.length], ['ok', [], 1]);
  const cut = await ask(rig, `binary/drift/changes?${WINDOW}&feature=@score&rows=100`);
  assert.deepEqual([cut.rows, cut.is_cut], [100, true]);
  const none = await ask(rig, `binary/drift/changes?from=${iso(last_ms)}&to=${iso(last_ms + HOUR_MS)}&feature=@score`);
  assert.equal(none.verdict, 'noData');
});

test('what is no stream of numbers is an error that names those that are', async (t) => {
  const rig = await LabelRig.open(t);
  const problems: readonly [query: string, status: number, pattern: RegExp][] = [
    [`binary/drift/changes?${WINDOW}&feature=weather`, 400, /has no numeric feature 'weather', but @score, @error/],
    [`binary/drift/changes?${WINDOW}&feature=@score&detector=ddm`, 400, /ask for it with feature=@error/],
    [`regression/drift/changes?${WINDOW}&feature=@error&detector=ddm`, 400, /predicts numbers: take adwin/],
    [`binary/drift/changes?${WINDOW}&feature=@score&version=9`, 404, /version 9 of 'binary' was never logged/],
    [`nobody/drift/changes?${WINDOW}&feature=@score`, 404, /nothing of a model 'nobody'/],
  ];
  for (const [query, status, pattern] of problems) {
    const answer = await rig.get(`/v1/models/${query}`);
    assert.equal(answer.status, status, query);
    assert.match(z.object({ detail: z.string() }).parse(answer.body).detail, pattern);
  }
});
