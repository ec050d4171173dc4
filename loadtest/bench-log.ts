import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CLICKHOUSE_DEFAULTS, type ClickHouseClient, connect } from '../clickhouse/connection.js';
import { migrate } from '../clickhouse/migrate.js';
import type { BinSpec, NumericBins } from '../contract/bin-spec.js';
import type { FrameBuffer } from '../runtime/predict-log/frame-buffer.js';
import type { RecordLayout } from '../runtime/predict-log/logged-prediction.js';
import { RecordWriter } from '../runtime/predict-log/record-codec.js';
import { FLAG } from '../runtime/predict-log/record-format.js';
import { ClickHouseLogStore, type LogStore } from '../runtime/predict-log/ship/log-store.js';
import { BATCH_LIMITS, Shipping } from '../runtime/predict-log/ship/shipping.js';
import { Spool } from '../runtime/predict-log/spool.js';

/**
 * `npm run bench:log`: how many rows a second the shipper brings from the spool into nothing, and into ClickHouse, on one core of its
 * own. Figures of different runs do not compare; ratios of one run do.
 */
const HELP = `npm run bench:log -- [options]
  --rows N        rows for each measurement (default 300000)
  --features N    numeric features of a row (default 32)
  --clickhouse U  address of a ClickHouse, in whose database tidegate_bench the rows are put; without it only encoding is measured
  --help`;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '300000' },
    features: { type: 'string', default: '32' },
    clickhouse: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});

const DATABASE = 'tidegate_bench';
const EDGES = 100;

async function main(rows: number, features: number, clickhouse: string): Promise<void> {
  for (const rows_each of [1, 100]) {
    await measure('nothing', new NullStore([specOf(features)]), rows, rows_each, features);
    if (clickhouse === '') continue;
    const client = connect({ ...CLICKHOUSE_DEFAULTS, url: clickhouse, application: 'tidegate bench:log' });
    try {
      await intoClickHouse(client, rows, rows_each, features);
    } finally {
      await client.close();
    }
  }
}

async function intoClickHouse(
  client: ClickHouseClient,
  rows: number,
  rows_each: number,
  features: number,
): Promise<void> {
  const target = { database: DATABASE, cluster: '' };
  await client.command({ query: `DROP DATABASE IF EXISTS ${DATABASE}` });
  await migrate(client, { ...target, program: 'bench' });
  const store = new ClickHouseLogStore(client, target, 'bench');
  const specs = [specOf(features)];
  await measure('ClickHouse', Object.assign(store, { specs: () => Promise.resolve(specs) }), rows, rows_each, features);
  for (const table of ['inference_log', 'drift_hist']) {
    const of = table === 'drift_hist' ? `sum(n) / ${features}` : 'count()';
    const answer = await client.query({
      query: `SELECT ${of} AS n FROM ${DATABASE}.${table}${table === 'drift_hist' ? " WHERE segment = ''" : ''}`,
      format: 'TabSeparated',
    });
    console.log(`    rows in ${table}: ${(await answer.text()).trim()}`);
  }
}

class NullStore implements LogStore {
  readonly #specs: readonly BinSpec[];
  bytes = 0;

  constructor(specs: readonly BinSpec[]) {
    this.#specs = specs;
  }

  insert(pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) this.bytes += piece.length;
    return Promise.resolve();
  }

  insertLayout = () => Promise.resolve();
  seen = () => Promise.resolve({ rows: 0, inserts_since: 0 });
  specs = () => Promise.resolve(this.#specs);
  migrate = () => Promise.resolve();
}

async function measure(
  what: string,
  store: LogStore,
  rows: number,
  rows_each: number,
  features: number,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-bench-log-'));
  try {
    const directory = join(folder, 'spool');
    const spool = new Spool({
      directory,
      node: 'bench',
      epoch: Date.now() * 1000,
      spool_bytes: 2 ** 34,
      overflow: 'drop_newest',
      sync: 'never',
      sync_ms: 1000,
      log: { info: () => {}, warn: (fields, message) => console.error(message, fields) },
    });
    fill(spool, rows, rows_each, features);
    const options = {
      directory,
      dead_letters: join(folder, 'dead'),
      dead_letter_bytes: 0,
      ship_ms: 1000,
      yield_bytes: 0,
      rows_per_s: 0,
      spec_poll_ms: 3_600_000,
      limits: BATCH_LIMITS,
    };
    const failed = (failure: unknown, reason: string) => console.error(reason, failure);
    const shipping = new Shipping(options, spool.state, store, { changed: () => {}, failed });
    const cpu = process.cpuUsage();
    const began_ms = performance.now();
    shipping.stop();
    await shipping.run();
    const wall_s = (performance.now() - began_ms) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const { shipped_rows, shipped_batches } = shipping.status;
    console.log(
      `  into ${what.padEnd(10)} ${String(rows_each).padStart(3)} rows a request: ${Math.round(shipped_rows / wall_s)} rows/s, ` +
        `${Math.round(shipped_rows / ((user + system) / 1e6))} rows a CPU second of the shipper, ${shipped_batches} batches`,
    );
    await spool.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function specOf(features: number): BinSpec {
  const edges = Array.from({ length: EDGES + 1 }, (_, edge) => edge / EDGES);
  const one = (feature: string): NumericBins => ({
    feature,
    kind: 'numeric',
    edges,
    coarse: [0, EDGES],
    reference: [],
  });
  return {
    spec_id: 1,
    model: 'bench',
    version: 0,
    features: Array.from({ length: features }, (_, index) => one(`x[${index}]`)),
  };
}

function fill(spool: Spool, rows: number, rows_each: number, features: number): void {
  const layout: RecordLayout = {
    id: 1,
    segments: [],
    layout: {
      model: 'bench',
      version: 1,
      features: Array.from({ length: features }, (_, element) => ({
        name: `x[${element}]`,
        kind: 'numeric',
        input: 'x',
        element,
        privacy: 'plain',
      })),
      outputs: ['p[0]', 'p[1]'],
      output_texts: [],
      classes: ['no', 'yes'],
      score: 'probability',
      task: 'binary',
      positive_class: 'yes',
      inputs: 'kept',
    },
  };
  const writer = new RecordWriter(spool.buffer);
  const now_us = Date.now() * 1000;
  for (let seq = 0; seq * rows_each < rows; seq++) {
    if (!spool.begin(layout)) throw new Error('the spool takes nothing');
    writeRecord(writer, spool.buffer, seq, rows_each, features, now_us);
    if (!spool.commit()) throw new Error('the spool is full');
    if (spool.buffer.used_bytes > 1e6) spool.flush();
  }
  spool.flush();
}

function writeRecord(
  writer: RecordWriter,
  buffer: FrameBuffer,
  seq: number,
  rows: number,
  features: number,
  now_us: number,
): void {
  writer.begin({
    layout_id: 1,
    seq,
    ts_us: now_us + seq,
    rows,
    queue_us: 20,
    compute_us: 40,
    total_us: 100,
    share: 1,
    face: 'http',
    num_width: features,
    cat_width: 0,
    output_width: 2,
    text_width: 0,
    entity_keys: 0,
    segment_sets: 0,
    segment_width: 0,
    source_width: 0,
    age_width: 0,
    flags: FLAG.SCORES | FLAG.CLASS_INDEXES,
  });
  const id = `0190f2c4-7d3a-7b1e-9c55-${seq.toString(16).padStart(12, '0')}`;
  for (const text of [id, '', 'ok', 'champion']) writer.text(text);
  const scores = writer.part(8 * rows) >>> 3;
  for (let row = 0; row < rows; row++) buffer.memory.f64[scores + row] = Math.random();
  const num = writer.part(4 * rows * features) >>> 2;
  for (let index = 0; index < rows * features; index++) buffer.memory.f32[num + index] = Math.random();
  const output = writer.part(8 * rows) >>> 2;
  for (let index = 0; index < 2 * rows; index++) buffer.memory.f32[output + index] = Math.random();
  const classes = writer.part(4 * rows) >>> 2;
  for (let row = 0; row < rows; row++) buffer.memory.u32[classes + row] = row & 1;
}

if (values.help) console.log(HELP);
else await main(Number(values.rows), Number(values.features), values.clickhouse);
