import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { z } from 'zod';
import { csvRows } from '../../../control-plane/labels/format/csv.js';
import { ndjsonRows } from '../../../control-plane/labels/format/ndjson.js';
import { LabelRig } from './label-rig.js';

const ReportSchema = z.object({
  accepted: z.number(),
  rejected: z.number(),
  rejected_rows: z.array(z.object({ row: z.number(), problem: z.string() })),
});
const ProblemSchema = z.object({
  type: z.string(),
  detail: z.string(),
  code: z.string(),
  rejected: z.number().optional(),
  rejected_rows: z.array(z.object({ row: z.number(), problem: z.string() })).optional(),
});
const NDJSON = 'application/x-ndjson';

/** Parquet as other tools write it, with a column that labels do not have. */
async function parquet(rig: LabelRig, select: string, compression = 'zstd'): Promise<Buffer> {
  const { stream } = await rig.client.exec({
    query: `SELECT ${select} SETTINGS output_format_parquet_compression_method = '${compression}' FORMAT Parquet`,
  });
  return buffer(stream);
}

async function stored(rig: LabelRig): Promise<unknown[]> {
  return rig.rows(
    `SELECT request_id, row_idx AS row, entity_key, model, label_text AS label, toString(ts) AS ts, source FROM tidegate.labels ORDER BY request_id, row, entity_key`,
  );
}

test('the same labels come as JSON, NDJSON, CSV and Parquet', async (t) => {
  const rig = await LabelRig.open(t);
  const ts = '2026-01-31T12:00:00.000Z';
  const labels = [
    { request_id: 'a', label: 'yes', ts, model: 'binary' },
    { request_id: 'b,"c"', row: 3, label: 'no', ts, model: 'binary', version: 4 },
  ];
  const wanted = labels.map(({ request_id, row = 0, label, model }) => ({
    request_id,
    row,
    entity_key: '',
    model,
    label,
    ts: '2026-01-31 12:00:00.000000',
    source: 'test',
  }));
  const csv = [
    '\u{feff}request_id,row,label,ts,model,version,weather',
    `a,,yes,${ts},binary,,rain`,
    `"b,""c""",3,no,2026-01-31T13:00:00+01:00,binary,4,sun`,
  ].join('\r\n');
  const file = await parquet(
    rig,
    `arrayJoin([('a', NULL, 'yes', NULL), ('b,"c"', 3, 'no', 4)]) AS each, each.1 AS request_id, each.2 AS row, each.3 AS label, each.4 AS version,
      toDateTime64('2026-01-31 12:00:00', 3, 'UTC') AS ts, 'binary' AS model, 'rain' AS weather`,
  );
  const bodies: readonly [string, string | Uint8Array][] = [
    ['application/json', JSON.stringify(labels)],
    [NDJSON, `${labels.map((label) => JSON.stringify(label)).join('\n\n')}\n`],
    ['text/csv; charset=utf-8', csv],
    ['application/vnd.apache.parquet', file],
  ];
  for (const [type, body] of bodies) {
    await rig.client.command({ query: 'TRUNCATE TABLE tidegate.labels' });
    const { status, body: answer } = await rig.upload(type, body, '?source=test');
    assert.deepEqual([status, answer], [200, { accepted: 2, rejected: 0, rejected_rows: [] }], type);
    assert.deepEqual(await stored(rig), wanted, type);
  }
});

test('broken rows are reported by their number, and the others are taken', async (t) => {
  const rig = await LabelRig.open(t);
  const lines = [
    '{"request_id":"good","label":1,"model":"regression"}',
    '{"request_id":"x"}',
    '{"request_id":"x","label":1',
    '{"request_id":"x","lable":1}',
    '{"label":1}',
    '{"request_id":"x","entity_key":"e","label":1}',
    '{"entity_key":"e","label":1,"ts":"2026-01-01T00:00:00Z"}',
    '{"request_id":"x","label":1,"ts":"yesterday"}',
    '{"request_id":"x","label":1,"ts":"2999-01-01T00:00:00Z"}',
    '{"request_id":"x","label":"much","model":"regression"}',
    '{"request_id":"x","label":"perhaps","model":"binary"}',
    '{"request_id":"x","label":1,"model":"binery"}',
    '{"request_id":"x","label":1,"row":-1}',
    '[1]',
    `{"request_id":"${'x'.repeat(70_000)}","label":1}`,
    '{"request_id":"last","label":2,"model":"regression"}',
  ];
  const { status, body } = await rig.upload(NDJSON, lines.join('\n'));
  assert.equal(status, 200);
  const { accepted, rejected, rejected_rows } = ReportSchema.parse(body);
  assert.deepEqual([accepted, rejected], [2, 14]);
  const expected: readonly [number, RegExp][] = [
    [2, /'label' is missing/],
    [3, /not JSON/],
    [4, /'lable' is no parameter: did you mean 'label'/],
    [5, /'request_id' or of an 'entity_key'/],
    [6, /give one of the two/],
    [7, /needs 'ts', when its outcome was known, and 'model'/],
    [8, /'ts' is "yesterday": give a time like/],
    [9, /has not come yet/],
    [10, /the label 'much' is no number, and the model predicts one/],
    [11, /the label 'perhaps' is none of 'no', 'yes', true, false, 1, 0/],
    [12, /nothing of a model 'binery' has been logged/],
    [13, /'row' is -1/],
    [14, /a label is an object/],
    [15, /longer than 65536 bytes/],
  ];
  assert.deepEqual(
    rejected_rows.map(({ row }) => row),
    expected.map(([row]) => row),
  );
  for (const [i, [, pattern]] of expected.entries()) assert.match(rejected_rows[i].problem, pattern);
  assert.equal((await stored(rig)).length, 2);
});

test('one broken row refuses all of them where that was asked for', async (t) => {
  const rig = await LabelRig.open(t);
  const good = Array.from({ length: 50 }, (_, i) => `r${i},${i}`);
  const broken = ['request_id,label', ...good, ',1', 'r,', 'too,many,cells', 'r51,1'].join('\n');
  const { status, body } = await rig.upload('text/csv', broken, '?on_error=refuse');
  assert.equal(status, 400);
  const { type, detail, rejected, rejected_rows } = ProblemSchema.parse(body);
  assert.equal(type, 'urn:tidegate:error:INVALID_REQUEST');
  assert.match(detail, /no label was taken, 3 of them are broken; row 51/);
  assert.deepEqual([rejected, rejected_rows?.map(({ row }) => row)], [3, [51, 52, 53]]);
  assert.deepEqual(await stored(rig), []);
  const mended = await rig.upload('text/csv', ['request_id,label', ...good].join('\n'), '?on_error=refuse');
  assert.equal(ReportSchema.parse(mended.body).accepted, 50);
  assert.equal((await stored(rig)).length, 50);
});

test('numbers of a file that are none are broken rows', async (t) => {
  const rig = await LabelRig.open(t);
  const file = await parquet(
    rig,
    `arrayJoin([1.5, nan, inf, -inf, NULL]) AS label, concat('r', toString(label)) AS request_id, 'regression' AS model`,
    'snappy',
  );
  const { body } = await rig.upload('application/vnd.apache.parquet', file);
  const { accepted, rejected_rows } = ReportSchema.parse(body);
  assert.deepEqual([accepted, rejected_rows.map(({ row }) => row)], [1, [2, 3, 4, 5]]);
  const csv = await rig.upload('text/csv', 'request_id,label\na,1e999\nb,nan\nc,2', '?model=regression');
  const report = ReportSchema.parse(csv.body);
  assert.deepEqual([report.accepted, report.rejected_rows.map(({ row }) => row)], [1, [1, 2]]);
});

test('what is no file of labels is refused as a whole, with the reason', async (t) => {
  const rig = await LabelRig.open(t);
  const cases: readonly [type: string, body: string | Uint8Array, query: string, pattern: RegExp][] = [
    ['application/xml', '<label/>', '', /content type is 'application\/xml': labels come as application\/json/],
    ['application/json', '{"request_id":', '', /the body is not JSON/],
    ['application/json', '[]', '', /there is no label in the body/],
    [NDJSON, '\n\n', '', /there is no label in the body/],
    ['text/csv', 'id,outcome\n1,2', '', /columns id, outcome: labels need 'label', and 'request_id' or 'entity_key'/],
    ['application/vnd.apache.parquet', 'PAR1 not', '', /no Parquet file that can be read/],
    ['application/vnd.apache.parquet', await parquet(rig, '1 AS id'), '', /has the columns id: labels need/],
    [NDJSON, '{"request_id":"a","label":1}', '?on_error=skp', /'on_error' is "skp"/],
    [NDJSON, '{"request_id":"a","label":1}', '?modle=m', /did you mean 'model'/],
  ];
  for (const [type, body, query, pattern] of cases) {
    const answer = await rig.upload(type, body, query);
    assert.equal(answer.status, 400, `${type} ${query}`);
    assert.match(ProblemSchema.parse(answer.body).detail, pattern);
  }
  assert.deepEqual(await stored(rig), []);
});

test('an upload that is repeated with its key is answered as before, and stored once', async (t) => {
  const rig = await LabelRig.open(t);
  const key = { 'idempotency-key': 'upload-1' };
  const first = await rig.upload(NDJSON, '{"request_id":"a","label":1}\n{"request_id":"b"}', '', key);
  const correction = await rig.send({ request_id: 'a', label: 0 });
  const again = await rig.upload(NDJSON, '{"request_id":"a","label":1}\n{"request_id":"b"}', '', key);
  assert.deepEqual([first.status, correction.status, again.status], [200, 200, 200]);
  assert.deepEqual(again.body, first.body);
  assert.deepEqual(await rig.rows('SELECT argMax(label_text, version) AS label, count() AS n FROM tidegate.labels'), [
    { label: '0', n: 2 },
  ]);
});

test('files of lines are read no further than their labels are taken', async () => {
  const CHUNKS = 2000;
  const LINES = 100;
  const padding = 'x'.repeat(500);
  for (const [head, line, read] of [
    ['', (i: number) => `{"request_id":"${i}","label":1,"source":"${padding}"}\n`, ndjsonRows],
    ['request_id,label,source\n', (i: number) => `${i},1,${padding}\n`, csvRows],
  ] as const) {
    let made = 0;
    function* chunks(): Generator<Buffer> {
      yield Buffer.from(head);
      for (let chunk = 0; chunk < CHUNKS; chunk++) {
        let text = '';
        for (let i = 0; i < LINES; i++) text += line(made++);
        yield Buffer.from(text);
      }
    }
    let [taken, most] = [0, 0];
    for await (const { row, problem } of read(Readable.from(chunks()))) {
      assert.equal(problem, undefined);
      assert.equal(row, ++taken);
      most = Math.max(most, made - taken);
    }
    assert.equal(taken, CHUNKS * LINES);
    assert.ok(most < 10 * LINES, `${most} of ${CHUNKS * LINES} lines were held`);
  }
});
