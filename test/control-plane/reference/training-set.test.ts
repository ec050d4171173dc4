import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { seededRandom } from '../../harness/seeded-random.js';
import { NEXT_HOUR, open } from '../drift/logged-model.js';

const MadeSchema = z.object({
  reference_id: z.number(),
  rows: z.number(),
  features: z.number(),
  of_version: z.number(),
});
const SpecSchema = z.object({
  features: z.array(z.object({ feature: z.string(), edges: z.array(z.number()), reference: z.array(z.number()) })),
});
const ReportSchema = z.object({ features: z.array(z.object({ feature: z.string(), verdict: z.string() })) });
const ROWS = 500;
const TABLES = "SELECT count() FROM system.tables WHERE startsWith(name, 'reference_rows_')";

interface Passenger {
  readonly age: number | null;
  readonly fare: number;
}

/** Training rows: a third of the ages is not known. */
function passengers(): Passenger[] {
  const random = seededRandom(11);
  return Array.from({ length: ROWS }, (_, i) => ({
    age: i % 3 === 0 ? null : Math.floor(random() * 40),
    fare: random(),
  }));
}

const csv = (rows: readonly Passenger[]) =>
  ['survived,fare,age', ...rows.map(({ age, fare }) => `yes,${fare},${age ?? ''}`)].join('\n');

test('a training set makes a reference, whatever file it comes in, and drift is told from it', async (t) => {
  const { log, ask, send, client } = await open(t, { 1: ['age', 'fare'] });
  const rows = passengers();
  const ndjson = rows.map((row) => JSON.stringify(row)).join('\n');
  const { stream } = await client.exec({
    query: `SELECT age, fare, 'yes' AS survived FROM format(JSONEachRow, 'age Nullable(Float64), fare Float64', '${ndjson}') FORMAT Parquet`,
  });
  const parquet = Buffer.concat(await stream.toArray());
  const specs: z.infer<typeof SpecSchema>[] = [];
  for (const [type, body] of [
    ['text/csv; charset=utf-8', csv(rows)],
    ['application/x-ndjson', ndjson],
    ['application/vnd.apache.parquet', parquet],
  ] as const) {
    const made = await send('references', type, body);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { reference_id, ...entry } = MadeSchema.parse(made.body);
    assert.deepEqual(entry, { rows: ROWS, features: 2, of_version: 1 });
    specs.push(SpecSchema.parse((await ask(`references/${reference_id}`)).body));
  }
  const [age, fare] = specs[0].features;
  assert.deepEqual([age.feature, fare.feature], ['age', 'fare']);
  assert.deepEqual(age.edges.slice(0, 3), [0, 1, 2]);
  assert.equal(age.reference[0], Math.ceil(ROWS / 3), 'the rows without an age');
  assert.equal(
    fare.reference.reduce((sum, n) => sum + n, 0),
    ROWS,
  );
  assert.deepEqual(specs[1], specs[0]);
  assert.deepEqual(specs[2], specs[0]);

  await log({
    hour: 1,
    version: 1,
    num: (random) => [random() < 1 / 3 ? Number.NaN : Math.floor(random() * 40), 2 * random()],
  });
  const { features } = ReportSchema.parse((await ask(`drift?${NEXT_HOUR}`)).body);
  assert.deepEqual(
    features.map(({ feature, verdict }) => [feature, verdict]),
    [
      ['fare', 'drift'],
      ['age', 'ok'],
    ],
  );
  const exact = await ask(`drift?${NEXT_HOUR}&mode=exact`);
  assert.match(JSON.stringify(exact), /400.*was made from a file, whose rows are not in the log/);
  const left = await client.query({ query: TABLES, format: 'TabSeparated' });
  assert.equal((await left.text()).trim(), '0', 'no table is left behind');
});

test('a file that is none, lacks a feature or has too few rows makes no reference, and says why', async (t) => {
  const { ask, send, client } = await open(t, { 1: ['age', 'fare'] });
  const cases: [what: string, type: string, body: string, status: number, says: RegExp][] = [
    [
      'another name',
      'text/csv',
      csv(passengers()).replace('fare', 'price'),
      400,
      /no value of the feature 'fare': name its columns/,
    ],
    ['text for a number', 'text/csv', 'age,fare\n1,much\n', 400, /cannot be read as CSVWithNames/],
    ['a broken line', 'application/x-ndjson', '{"age":1,"fare":2}\n{"age":', 400, /cannot be read as JSONEachRow/],
    ['no Parquet', 'application/vnd.apache.parquet', 'PAR0', 400, /cannot be read as Parquet/],
    ['few rows', 'text/csv', csv(passengers().slice(0, 9)), 400, /the file has 9 rows of m: a reference needs 100/],
    ['nothing', 'application/x-ndjson', '', 400, /no value of the feature/],
  ];
  for (const [what, type, body, status, says] of cases) {
    const answer = await send('references', type, body);
    assert.equal(answer.status, status, `${what}: ${JSON.stringify(answer.body)}`);
    assert.match(JSON.stringify(answer.body), says, what);
  }
  const version = await send('references?version=7', 'text/csv', csv(passengers()));
  assert.match(JSON.stringify(version), /404.*version 7 of model 'm' has never been logged/);
  assert.deepEqual((await ask('references')).body, { items: [] });
  const left = await client.query({ query: TABLES, format: 'TabSeparated' });
  assert.equal((await left.text()).trim(), '0');
});

test('references that are made at the same moment are two', async (t) => {
  const { ask, send } = await open(t, { 1: ['age', 'fare'] });
  const made = await Promise.all([1, 2, 3].map(() => send('references', 'text/csv', csv(passengers()))));
  const ids = new Set(made.map(({ body }) => MadeSchema.parse(body).reference_id));
  assert.equal(ids.size, 3);
  const { items } = z.object({ items: z.array(z.unknown()) }).parse((await ask('references')).body);
  assert.equal(items.length, 3);
});
