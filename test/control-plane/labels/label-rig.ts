import { z } from 'zod';
import type { ClickHouseClient } from '../../../clickhouse/connection.js';
import { migrate } from '../../../clickhouse/migrate.js';
import { createApp } from '../../../control-plane/app.js';
import { Joiner } from '../../../control-plane/labels/join/joiner.js';
import type { Cleanup } from '../../harness/checkout.js';
import { startStoreProcess } from '../../harness/store-process.js';

export const DATABASE = 'tidegate';
export const HOUR_MS = 3_600_000;
/** Whole hours that have passed. */
export const START_MS = Math.floor(Date.now() / HOUR_MS - 10) * HOUR_MS;

export type Task = 'binary' | 'multiclass' | 'regression';

export interface Logged {
  readonly request_id: string;
  readonly ts_ms?: number;
  readonly model?: string;
  readonly version?: number;
  readonly variant?: string;
  readonly row?: number;
  readonly entity_key?: string;
  readonly segment?: Readonly<Record<string, string>>;
  readonly score?: number;
  readonly class?: string;
  readonly share?: number;
}

const LAYOUTS: Readonly<Record<string, object>> = {
  binary: { classes: ['no', 'yes'], score: 'probability', task: 'binary', positive_class: 'yes' },
  multiclass: { classes: ['a', 'b', 'c'], score: 'probability', task: 'multiclass', positive_class: '' },
  regression: { classes: [], score: 'value', task: 'regression', positive_class: '' },
};

const count = z.coerce.number();
const HistSchema = z.array(z.object({ bin: z.number(), n: count, positives: z.number(), negatives: z.number() }));

/** A real store with three models of known tasks, an API, and a joiner that steps when it is told. */
export class LabelRig {
  readonly client: ClickHouseClient;
  readonly store: Awaited<ReturnType<typeof startStoreProcess>>;
  readonly app: ReturnType<typeof createApp>;
  #seq = 0;

  private constructor(store: Awaited<ReturnType<typeof startStoreProcess>>) {
    this.store = store;
    this.client = store.client;
    const log = { debug() {}, info() {}, warn() {}, error() {}, flush() {} };
    this.app = createApp({ client: store.client, database: DATABASE, log, now_ms: Date.now });
  }

  static async open(t: Cleanup): Promise<LabelRig> {
    const store = await startStoreProcess(t);
    await migrate(store.client, { database: DATABASE, cluster: '', program: 'test' });
    const rig = new LabelRig(store);
    for (const [model, layout] of Object.entries(LAYOUTS)) await rig.layout(model, 1, layout);
    return rig;
  }

  async layout(model: string, version: number, layout: object): Promise<void> {
    const text = JSON.stringify({ features: [], inputs: 'kept', ...layout });
    await this.client.insert({
      table: `${DATABASE}.feature_layouts`,
      values: [{ model, version, digest: 'd', layout: text }],
      format: 'JSONEachRow',
    });
  }

  joiner(window_ms = 30 * 24 * HOUR_MS): Joiner {
    return new Joiner({ client: this.client, database: DATABASE, window_ms });
  }

  /** Steps until there is nothing to do. */
  async join(joiner = this.joiner()): Promise<void> {
    while (await joiner.step(true)) {
      // Each step takes some of what waits.
    }
  }

  async log(rows: readonly Logged[]): Promise<void> {
    const first = this.#seq;
    this.#seq += rows.length;
    const values = rows.map((row, i) => ({
      ts: ((row.ts_ms ?? START_MS) / 1000).toFixed(6),
      node: 'n',
      epoch: 1,
      seq: first + i,
      row_idx: row.row ?? 0,
      request_id: row.request_id,
      model: row.model ?? 'binary',
      version: row.version ?? 1,
      variant: row.variant ?? 'champion',
      outcome: 'ok',
      entity_key: row.entity_key ?? '',
      segment: row.segment ?? {},
      score: row.score ?? 'nan',
      class: row.class ?? '',
      share: row.share ?? 1,
    }));
    await this.client.insert({ table: `${DATABASE}.inference_log`, values, format: 'JSONEachRow' });
  }

  async send(body: unknown, query = ''): Promise<{ readonly status: number; readonly body: unknown }> {
    return this.upload('application/json', JSON.stringify(body), query);
  }

  async upload(
    type: string,
    body: string | Uint8Array | ReadableStream,
    query = '',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const init = { method: 'POST', body, headers: { 'content-type': type, ...headers }, duplex: 'half' } as const;
    const response = await this.app.request(`/v1/labels${query}`, init);
    return { status: response.status, body: await response.json() };
  }

  async get(path: string): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await this.app.request(path);
    return { status: response.status, body: await response.json() };
  }

  async rows(query: string): Promise<unknown[]> {
    return z.array(z.unknown()).parse(await (await this.client.query({ query, format: 'JSONEachRow' })).json());
  }

  /** Labelled scores of a model: cells that are empty again are left out. */
  async scores(model: string): Promise<{ bin: number; n: number; positives: number; negatives: number }[]> {
    return HistSchema.parse(
      await this.rows(`SELECT bin, sum(n) AS n, sum(positives) AS positives, sum(negatives) AS negatives FROM ${DATABASE}.perf_hist
        WHERE model = '${model}' AND segment = '' GROUP BY bin HAVING n != 0 OR abs(positives) > 1e-9 OR abs(negatives) > 1e-9 ORDER BY bin`),
    );
  }
}
