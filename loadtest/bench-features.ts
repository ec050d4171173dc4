import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Gather, gatherNotes } from '../feature-cache/gather/gather.js';
import { loadSnapshot, writeSnapshot } from '../feature-cache/snapshot/snapshot.js';
import type { TableHandle } from '../feature-cache/store/table-memory.js';
import type { TableStats } from '../feature-cache/store/table-writer.js';
import { benchShape, type FeatureOrder, keyOf } from './feature-writer.js';

/** `npm run bench:features`: gathering while updates arrive from another thread, how many of those it takes, and snapshots. */
const HELP = `npm run bench:features -- [options]
  --entities N   in the table (default 200000)
  --features N   float32 of each (default 32)
  --keys N       gathered at once (default 64)
  --updates N    a second, while it gathers (default 50000)
  --seconds N    of each measurement (default 5)
  --help`;

const { values } = parseArgs({
  options: {
    entities: { type: 'string', default: '200000' },
    features: { type: 'string', default: '32' },
    keys: { type: 'string', default: '64' },
    updates: { type: 'string', default: '50000' },
    seconds: { type: 'string', default: '5' },
    help: { type: 'boolean', default: false },
  },
});

interface Sizes {
  readonly entities: number;
  readonly features: number;
  readonly keys: number;
  readonly updates: number;
  readonly seconds: number;
}

interface WriterReply {
  readonly handle: TableHandle;
  readonly stats: TableStats;
  readonly updates_per_second: number;
}

async function main(sizes: Sizes): Promise<void> {
  const { entities, features, updates, seconds } = sizes;
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-bench-features-'));
  const budget_bytes = Math.max(2 ** 24, entities * (features * 12 + 200));
  const workerData = { entities, features, budget_bytes };
  const worker = new Worker(new URL('./feature-writer.js', import.meta.url), { workerData });
  const order = async (wanted: FeatureOrder): Promise<WriterReply> => {
    worker.postMessage(wanted);
    const [reply]: WriterReply[] = await once(worker, 'message');
    return reply;
  };
  try {
    const filled = await order({ fill: true });
    const bytes = filled.stats.committed_bytes / filled.stats.entities;
    const value_bytes = features * 4;
    const key_bytes = keyOf(entities - 1).length;
    console.log(
      `${entities.toLocaleString('en')} entities of ${features} float32 in ${Math.round(budget_bytes / 2 ** 20).toLocaleString('en')} MiB at most`,
    );
    console.log(`  inserted          ${rate(filled.updates_per_second)}`);
    const times = (bytes - key_bytes) / value_bytes;
    console.log(
      `  bytes an entity   ${bytes.toFixed(0)}: ${key_bytes} of key, and ${times.toFixed(2)} times the ${value_bytes} of values`,
    );
    const gatherer = new Gatherer(filled.handle, sizes);
    report('gather, no updates', await gatherer.measure(seconds));
    const updating = order({ updates_per_second: updates, seconds: seconds + 1 });
    report(`gather, ${updates.toLocaleString('en')} updates/s`, await gatherer.measure(seconds));
    console.log(`  updates arrived   ${rate((await updating).updates_per_second)}`);
    const flat_out = await order({ updates_per_second: Number.POSITIVE_INFINITY, seconds });
    console.log(`  updates, flat out ${rate(flat_out.updates_per_second)}`);
    await measureSnapshot(join(folder, 'snapshot'), filled.handle, sizes, budget_bytes);
  } finally {
    await worker.terminate();
    await rm(folder, { recursive: true, force: true });
  }
}

class Gatherer {
  readonly #gather: Gather;
  readonly #sizes: Sizes;
  readonly #keys: string[];

  constructor(handle: TableHandle, sizes: Sizes) {
    const { keys, features } = sizes;
    const tensor = new Float32Array(keys * features);
    const targets = benchShape(features).fields.map(({ name }, offset) => ({
      feature: name,
      array: tensor,
      offset,
      stride: features,
    }));
    this.#gather = new Gather(handle, targets);
    this.#sizes = sizes;
    this.#keys = new Array<string>(keys).fill('');
  }

  /** Microseconds of each gathering, of keys chosen anew for each. */
  async measure(seconds: number): Promise<Float64Array> {
    const { keys, features, entities } = this.#sizes;
    const notes = gatherNotes(keys, features);
    const took_us: number[] = [];
    const end_ms = performance.now() + seconds * 1000;
    while (performance.now() < end_ms) {
      for (let k = 0; k < keys; k++) this.#keys[k] = keyOf(Math.floor(Math.random() * entities));
      const began_ms = performance.now();
      this.#gather.gather(this.#keys, Date.now() * 1000, notes);
      took_us.push((performance.now() - began_ms) * 1000);
      if (notes.status.some((status) => status !== 0)) throw new Error('a value was not fresh');
      // As a server that waits for its next request: the loop turns, and the other thread gets its core.
      if (took_us.length % 16 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    // The first ones ran before they were compiled.
    return Float64Array.from(took_us.slice(Math.min(2000, took_us.length >>> 1))).sort();
  }
}

async function measureSnapshot(path: string, handle: TableHandle, sizes: Sizes, budget_bytes: number): Promise<void> {
  let began_ms = performance.now();
  const { bytes, rows } = await writeSnapshot(handle, path, {}, 0);
  const write_s = (performance.now() - began_ms) / 1000;
  began_ms = performance.now();
  const loaded = await loadSnapshot(path, benchShape(sizes.features), { budget_bytes });
  const load_s = (performance.now() - began_ms) / 1000;
  if (loaded.writer.stats.entities !== rows) throw new Error('the snapshot did not come back whole');
  const million_s = (load_s / rows) * 1e6;
  console.log(`  snapshot          ${(bytes / 2 ** 20).toFixed(0)} MiB written in ${write_s.toFixed(2)} s`);
  console.log(`  snapshot          loaded in ${load_s.toFixed(2)} s: a million entities in ${million_s.toFixed(2)} s`);
}

function report(what: string, sorted_us: Float64Array): void {
  const at = (quantile: number): string => sorted_us[Math.floor((sorted_us.length - 1) * quantile)].toFixed(0);
  console.log(
    `  ${what}: p50 ${at(0.5)} µs, p90 ${at(0.9)} µs, p99 ${at(0.99)} µs, p99.9 ${at(0.999)} µs of ${sorted_us.length}`,
  );
}

function rate(per_second: number): string {
  return `${Math.round(per_second).toLocaleString('en')}/s`;
}

if (values.help) {
  console.log(HELP);
} else {
  await main({
    entities: Number(values.entities),
    features: Number(values.features),
    keys: Number(values.keys),
    updates: Number(values.updates),
    seconds: Number(values.seconds),
  });
}
