import { migrate } from '../../../clickhouse/migrate.js';
import { createApp } from '../../../control-plane/app.js';
import type { Cleanup } from '../../harness/checkout.js';
import { seededRandom } from '../../harness/seeded-random.js';
import { startStoreProcess } from '../../harness/store-process.js';

const HOUR_MS = 3_600_000;
/** Whole hours that have passed, so that states could answer for them. */
const START_MS = Math.floor(Date.now() / HOUR_MS - 3) * HOUR_MS;
/** Rows of a batch. */
export const ROWS = 600;

/** JSON has no such numbers. */
const DENORMALS: ReadonlyMap<number, string> = new Map([
  [Number.NaN, 'nan'],
  [Number.POSITIVE_INFINITY, 'inf'],
  [Number.NEGATIVE_INFINITY, '-inf'],
]);

export interface Batch {
  readonly hour: number;
  readonly version: number;
  /** In the order of the version's layout. */
  readonly num: (random: () => number) => readonly number[];
  readonly segment?: (row: number) => Readonly<Record<string, string>>;
  /** Where each feature came from, in the order of the layout. */
  readonly sources?: (row: number) => readonly string[];
}

/** A model whose versions have features of their own, and an API that answers for it. */
export async function open(t: Cleanup, versions: Readonly<Record<number, readonly string[]>>) {
  const { client } = await startStoreProcess(t);
  await migrate(client, { database: 'tidegate', cluster: '', program: 'test' });
  for (const [version, names] of Object.entries(versions)) {
    const features = names.map((name) => ({ name, kind: 'numeric', privacy: 'plain' }));
    const layout = JSON.stringify({ features, classes: [], score: 'none', inputs: 'kept' });
    await client.insert({
      table: 'tidegate.feature_layouts',
      values: [{ model: 'm', version: Number(version), digest: 'd', layout }],
      format: 'JSONEachRow',
    });
  }
  const log = { debug() {}, info() {}, warn() {}, error() {}, flush() {} };
  const app = createApp({ client, database: 'tidegate', log, now_ms: Date.now });
  let inserts = 0;
  return {
    log: async ({ hour, version, num, segment, sources }: Batch): Promise<void> => {
      const insert = ++inserts;
      const random = seededRandom(insert);
      const values = Array.from({ length: ROWS }, (_, i) => ({
        ts: ((START_MS + hour * HOUR_MS + i) / 1000).toFixed(6),
        node: 'n',
        epoch: 1,
        seq: insert * ROWS + i,
        model: 'm',
        version,
        variant: 'champion',
        outcome: 'ok',
        segment: segment?.(i) ?? {},
        feature_source: sources?.(i) ?? [],
        num: num(random).map((value) => (Number.isFinite(value) ? value : DENORMALS.get(value))),
        score: 'nan',
        share: 1,
      }));
      await client.insert({ table: 'tidegate.inference_log', values, format: 'JSONEachRow' });
    },
    client,
    send: async (path: string, type: string, body: string | Uint8Array): Promise<{ status: number; body: unknown }> => {
      const init = { method: 'POST', body, headers: { 'content-type': type } };
      const response = await app.request(`/v1/models/m/${path}`, init);
      return { status: response.status, body: await response.json() };
    },
    ask: async (path: string, body?: unknown): Promise<{ readonly status: number; readonly body: unknown }> => {
      const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
      const response = await app.request(`/v1/models/m/${path}`, init);
      return { status: response.status, body: await response.json() };
    },
  };
}

export const iso = (hour: number) => new Date(START_MS + hour * HOUR_MS).toISOString();
export const FIRST_HOUR = { window: { from: iso(0), to: iso(1) }, version: 1 };
export const NEXT_HOUR = `from=${iso(1)}&to=${iso(2)}`;
