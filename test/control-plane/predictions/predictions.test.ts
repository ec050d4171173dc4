import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { parquetReadObjects } from 'hyparquet';
import { z } from 'zod';
import { migrate } from '../../../clickhouse/migrate.js';
import { createApp } from '../../../control-plane/app.js';
import { startStoreProcess } from '../../harness/store-process.js';

const ROWS = 250;
const START_MS = Date.now() - 3_600_000;

async function logged(t: TestContext) {
  const { client } = await startStoreProcess(t);
  await migrate(client, { database: 'tidegate', cluster: '', program: 'test' });
  const insert = (first: number, count: number) =>
    client.insert({
      table: 'tidegate.inference_log',
      values: Array.from({ length: count }, (_, i) => ({
        // Several rows of the same moment: the page must not lose or repeat any.
        ts: ((START_MS + Math.floor((first + i) / 7) * 1000) / 1000).toFixed(6),
        node: i % 2 === 0 ? 'a' : 'b',
        epoch: 1,
        seq: first + i,
        request_id: `r${first + i}`,
        model: 'm',
        version: 1 + (i % 2),
        outcome: i % 10 === 0 ? 'QUEUE_FULL' : 'ok',
        segment: { half: i % 2 === 0 ? 'even' : 'odd' },
        num: [first + i, 'nan'],
        score: (first + i) / ROWS,
        share: 1,
      })),
      format: 'JSONEachRow',
      clickhouse_settings: { insert_deduplication_token: `t${first}` },
    });
  await insert(0, ROWS);
  const log = { debug() {}, info() {}, warn() {}, error() {}, flush() {} };
  const app = createApp({ client, database: 'tidegate', log, now_ms: Date.now });
  return { app, insert };
}

const PageSchema = z.object({
  items: z.array(z.object({ request_id: z.string(), seq: z.string(), score: z.number() })),
  next: z.string().optional(),
});

test('pages give every row once, newest first, though rows arrive in between', async (t) => {
  const { app, insert } = await logged(t);
  const seen: string[] = [];
  let cursor = '';
  let pages = 0;
  do {
    const response = await app.request(`/v1/models/m/predictions?limit=37${cursor === '' ? '' : `&cursor=${cursor}`}`);
    assert.equal(response.status, 200);
    const { items, next } = PageSchema.parse(await response.json());
    seen.push(...items.map(({ request_id }) => request_id));
    if (pages === 1) await insert(ROWS, 20);
    cursor = next ?? '';
    pages++;
  } while (cursor !== '');
  assert.equal(pages, 7);
  assert.equal(seen.length, ROWS);
  assert.equal(new Set(seen).size, ROWS);
  assert.ok(seen.indexOf('r249') < seen.indexOf('r100') && seen.indexOf('r100') < seen.indexOf('r0'));
});

test('filters narrow it, one request is found by its id, an empty window is a problem', async (t) => {
  const { app } = await logged(t);
  const count = async (query: string) => {
    const response = await app.request(`/v1/models/m/predictions?limit=1000&${query}`);
    return PageSchema.parse(await response.json()).items.length;
  };
  assert.equal(await count('outcome=QUEUE_FULL'), 25);
  assert.equal(await count('version=2'), 125);
  assert.equal(await count('node=a&outcome=ok'), 100);
  assert.equal(await count('segment=half=odd'), 125);
  assert.equal(await count('least_score=0.9'), 25);
  assert.equal(await count('request_id=r77'), 1);
  assert.equal(await count('request_id=nobody'), 0);
  for (const [query, says] of [
    ['from=1h&to=2h', /is empty/],
    ['cursor=bm8', /no page ended with/],
    ['limit=5000', /'limit' is .*5000/],
    ['requestid=r1', /did you mean 'request_id'/],
  ] as const) {
    const response = await app.request(`/v1/models/m/predictions?${query}`);
    assert.equal(response.status, 400);
    assert.match(await response.text(), says);
  }
});

test('a window is exported as NDJSON, CSV, Parquet and Arrow', async (t) => {
  const { app } = await logged(t);
  const bytes = async (format: string) => {
    const response = await app.request(`/v1/models/m/predictions?format=${format}`);
    assert.equal(response.status, 200);
    return Buffer.from(await response.arrayBuffer());
  };
  const lines = (await bytes('ndjson')).toString('utf8').trim().split('\n');
  assert.equal(lines.length, ROWS);
  assert.equal(z.object({ request_id: z.string() }).parse(JSON.parse(lines[0])).request_id.startsWith('r'), true);
  const csv = (await bytes('csv')).toString('utf8').trim().split('\n');
  assert.equal(csv.length, ROWS + 1);
  assert.match(csv[0], /^"ts","node","epoch"/);
  const parquet = await bytes('parquet');
  const file = parquet.buffer.slice(parquet.byteOffset, parquet.byteOffset + parquet.byteLength);
  const found = await parquetReadObjects({ file, columns: ['seq'] });
  assert.equal(new Set(found.map(({ seq }) => String(seq))).size, ROWS);
  assert.ok((await bytes('arrow')).length > 1000);
});
