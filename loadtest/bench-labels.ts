import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CLICKHOUSE_DEFAULTS, type ClickHouseClient, connect } from '../clickhouse/connection.js';
import { migrate } from '../clickhouse/migrate.js';
import { createApp } from '../control-plane/app.js';
import { Joiner } from '../control-plane/labels/join/joiner.js';
import { startStore } from './started-store.js';

/** `npm run bench:labels`: how fast labels are taken and joined to a log of many rows, and how long a report of performance takes. */
const HELP = `npm run bench:labels -- [options]
  --rows N       rows of the log (default 5000000)
  --labels N     labels of requests that are spread over it (default 200000)
  --help`;

const HOUR_MS = 3_600_000;
const DAYS = 7;
const DATABASE = 'tidegate';
/** Ids of neighbours begin differently, as those of most callers do. */
const SPREAD = 2_654_435_761;
const LOG = { debug() {}, info() {}, warn() {}, error() {}, flush() {} };
const LAYOUT = {
  features: [],
  inputs: 'kept',
  classes: ['no', 'yes'],
  score: 'probability',
  task: 'binary',
  positive_class: 'yes',
};

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '5000000' },
    labels: { type: 'string', default: '200000' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(HELP);
else await main(Number(values.rows), Number(values.labels));

async function main(rows: number, labels: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-bench-labels-'));
  const [store, url] = await startStore(directory);
  const client = connect({ ...CLICKHOUSE_DEFAULTS, url, application: 'tidegate bench' });
  try {
    await migrate(client, { database: DATABASE, cluster: '', program: 'bench' });
    const end_ms = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    const begin_ms = end_ms - DAYS * 24 * HOUR_MS;
    await timed(`log of ${rows.toLocaleString('en')} rows over ${DAYS} days`, () =>
      fill(client, rows, begin_ms, end_ms),
    );
    const app = createApp({ client, database: DATABASE, log: LOG, now_ms: Date.now });
    const push_ms = await timed(`${labels.toLocaleString('en')} labels taken as NDJSON`, () => push(app, rows, labels));
    const joiner = new Joiner({ client, database: DATABASE, window_ms: 30 * 24 * HOUR_MS });
    let steps = 0;
    const join_ms = await timed('all of them joined', async () => {
      do steps++;
      while (await joiner.step());
    });
    const rate = (ms: number) => `${Math.round((labels / ms) * 1000).toLocaleString('en')} labels/s`;
    console.log(`  taken at ${rate(push_ms)}; joined at ${rate(join_ms)}, in ${steps} steps`);
    const window = `from=${new Date(begin_ms).toISOString()}&to=${new Date(end_ms).toISOString()}`;
    for (const more of ['', '&bucket=hour', '&by=version', '&by=segment:region']) {
      const path = `/v1/models/m/performance?${window}${more}`;
      await timed(`performance of the ${DAYS} days${more}`, async () => {
        const response = await app.request(path);
        const body = await response.text();
        if (response.status !== 200) throw new Error(body);
      });
    }
  } finally {
    await client.close();
    store.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function timed(what: string, act: () => Promise<unknown>): Promise<number> {
  const began_ms = performance.now();
  await act();
  const took_ms = performance.now() - began_ms;
  console.log(`${`${(took_ms / 1000).toFixed(2)} s`.padStart(9)}   ${what}`);
  return took_ms;
}

async function fill(client: ClickHouseClient, rows: number, begin_ms: number, end_ms: number): Promise<void> {
  await client.insert({
    table: `${DATABASE}.feature_layouts`,
    values: [{ model: 'm', version: 1, digest: 'd', layout: JSON.stringify(LAYOUT) }],
    format: 'JSONEachRow',
  });
  const step_us = Math.floor(((end_ms - begin_ms) * 1000) / rows);
  await client.command({
    query: `INSERT INTO ${DATABASE}.inference_log (ts, node, epoch, seq, request_id, model, version, variant, outcome, segment, score, class, share)
      SELECT fromUnixTimestamp64Micro(${begin_ms * 1000} + number * ${step_us}, 'UTC'), 'n', 1, number, concat('r', toString((number * ${SPREAD}) % 4294967296), '-', toString(number)), 'm', 1, 'champion', 'ok',
        map('region', ['eu', 'us', 'asia'][number % 3 + 1]), (sipHash64(number) % 100000) / 100000, '', 1 FROM numbers(${rows})`,
    clickhouse_settings: { max_partitions_per_insert_block: '0' },
  });
}

/** Requests that are not next to each other, in no order. */
async function push(app: ReturnType<typeof createApp>, rows: number, labels: number): Promise<void> {
  const step = Math.floor(rows / labels);
  function* lines(): Generator<string> {
    for (let i = 0; i < labels; i++) {
      const number = i * step;
      const id = `r${(BigInt(number) * BigInt(SPREAD)) % 4_294_967_296n}-${number}`;
      yield `{"request_id":"${id}","label":${i % 2 === 0},"model":"m"}\n`;
    }
  }
  const encoder = new TextEncoder();
  const made = lines();
  const body = new ReadableStream({
    pull(controller) {
      const { done, value } = made.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
  });
  const headers = { 'content-type': 'application/x-ndjson' };
  const response = await app.request('/v1/labels', { method: 'POST', body, headers, duplex: 'half' });
  if (response.status !== 200) throw new Error(await response.text());
}
