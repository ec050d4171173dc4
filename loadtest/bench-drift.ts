import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CLICKHOUSE_DEFAULTS, type ClickHouseClient, connect } from '../clickhouse/connection.js';
import { migrate } from '../clickhouse/migrate.js';
import { createApp } from '../control-plane/app.js';
import { startStore } from './started-store.js';

/** `npm run bench:drift`: how long the drift of many features over a day of many rows takes, from states. The states are made in SQL: rows are not needed for them. */
const HELP = `npm run bench:drift -- [options]
  --features N   numeric features (default 100)
  --rows N       rows of the day (default 10000000)
  --bucket NAME  hour or day: ask for the series as well
  --rounds N     how often it is asked (default 7)
  --help`;

const HOUR_MS = 3_600_000;
const HOURS = 24;
const DATABASE = 'tidegate';
const REFERENCE = 1_000_000;
const LOG = { debug() {}, info() {}, warn() {}, error() {}, flush() {} };

const { values } = parseArgs({
  options: {
    features: { type: 'string', default: '100' },
    rows: { type: 'string', default: '10000000' },
    bucket: { type: 'string', default: '' },
    rounds: { type: 'string', default: '7' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(HELP);
else await main(Number(values.features), Number(values.rows), Number(values.rounds), values.bucket);

async function main(features: number, rows: number, rounds: number, bucket: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-bench-drift-'));
  const [store, url] = await startStore(directory);
  const client = connect({ ...CLICKHOUSE_DEFAULTS, url, application: 'tidegate bench' });
  try {
    await migrate(client, { database: DATABASE, cluster: '', program: 'bench' });
    const end_ms = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    const bins = Math.min(1000, Math.floor(32_000 / features));
    await fill(client, { features, rows, bins, end_ms });
    const app = createApp({ client, database: DATABASE, log: LOG, now_ms: () => end_ms });
    console.log(`${features} features of ${bins} bins, ${HOURS} hours, ${rows.toLocaleString('en')} rows`);
    for (let round = 1; round <= rounds; round++) {
      const from = new Date(end_ms - HOURS * HOUR_MS).toISOString();
      const asked = { from, ...(bucket === '' ? {} : { bucket }) };
      const began_ms = performance.now();
      const response = await app.request(`/v1/models/m/drift?${new URLSearchParams(asked)}`);
      const body = await response.text();
      if (response.status !== 200) throw new Error(body);
      const { source, verdict } = JSON.parse(body);
      const took = `${(performance.now() - began_ms).toFixed(0)} ms`.padStart(8);
      console.log(
        `  round ${round}: ${took}   ${source.state_hours} hours from states, ${source.counted_spans} counted; ${verdict.drifted} drifted`,
      );
    }
  } finally {
    await client.close();
    store.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Filling {
  readonly features: number;
  readonly rows: number;
  readonly bins: number;
  readonly end_ms: number;
}

/** A layout, a reference and the states of a day; the last tenth of the features has moved. */
async function fill(client: ClickHouseClient, { features, rows, bins, end_ms }: Filling): Promise<void> {
  const named = Array.from({ length: features }, (_, i) => ({ name: `f${i}`, kind: 'numeric', privacy: 'plain' }));
  const layout = JSON.stringify({ features: named, classes: [], score: 'none', inputs: 'kept' });
  await client.insert({
    table: `${DATABASE}.feature_layouts`,
    values: [{ model: 'm', version: 1, digest: 'd', layout }],
    format: 'JSONEachRow',
  });
  const edges = Array.from({ length: bins + 1 }, (_, i) => i / bins);
  const coarse = Array.from({ length: 33 }, (_, i) => Math.round((i * bins) / 32));
  const each = Math.floor(rows / bins);
  const reference = Array.from({ length: bins + 3 }, (_, bin) => (bin < 2 || bin > bins + 1 ? 0 : each));
  const origin = JSON.stringify({ from: new Date(0).toISOString(), to: new Date(0).toISOString(), rows });
  const specs = named.map(({ name }, position) => ({ feature: name, position }));
  await client.insert({
    table: `${DATABASE}.bin_specs`,
    values: specs.map((spec) => ({
      ...spec,
      model: 'm',
      spec_id: REFERENCE,
      version: 0,
      kind: 'numeric',
      edges,
      coarse,
      categories: [],
      reference,
      origin,
    })),
    format: 'JSONEachRow',
  });
  const hour = `toDateTime(${end_ms / 1000}, 'UTC') - 3600 * (1 + intDiv(number, ${features * bins}))`;
  const feature = `intDiv(number, ${bins}) % ${features}`;
  const n = `toUInt64(${rows / HOURS / bins} * if(${feature} >= ${Math.floor(features * 0.9)}, 0.5 + (number % ${bins}) / ${bins}, 1))`;
  const keys = "'m' AS model, 1 AS version, 'champion' AS variant, 'n' AS node, '' AS segment";
  await client.command({
    query: `INSERT INTO ${DATABASE}.drift_hist SELECT ${keys}, ${hour} AS hour, ${REFERENCE} AS spec_id, 0 AS origin, ${feature} AS feature,
      2 + number % ${bins} AS bin, ${n} AS n FROM numbers(${features * bins * HOURS})`,
  });
  await client.command({
    query: `INSERT INTO ${DATABASE}.score_hist SELECT model, version, variant, node, segment, hour, '' AS class, 0 AS bin, sum(n), sum(n), 0
      FROM ${DATABASE}.drift_hist WHERE feature = 0 GROUP BY model, version, variant, node, segment, hour`,
  });
}
