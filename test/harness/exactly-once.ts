import assert from 'node:assert/strict';
import { z } from 'zod';
import { CLICKHOUSE_DEFAULTS, type ClickHouseClient, connect } from '../../clickhouse/connection.js';
import { migrate } from '../../clickhouse/migrate.js';
import { until } from './ask.js';
import { type Cleanup, modelFolder, temporaryFolder } from './checkout.js';
import { type RuntimeProcess, startRuntimeProcess } from './runtime-process.js';
import { seededRandom } from './seeded-random.js';
import { type StoreProcess, startStoreProcess } from './store-process.js';

const MODEL = 'scale';
const FEATURES = 4;
const NODE = 'edge-1';
const SENDERS = 4;
const PAUSE_MS = 10;

export interface KillPlan {
  readonly seed: number;
  readonly rounds: number;
  /** Longest time between two kills. */
  readonly between_ms: number;
}

/** What was answered with the promise that it is logged. */
interface Acknowledged {
  readonly request_id: string;
  readonly rows: number;
}

interface Outcome {
  readonly acknowledged: number;
  readonly rows: number;
  readonly runtime_kills: number;
  readonly store_kills: number;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Sends numbered predictions to a runtime while it and the store are killed at moments that the seed determines, lets everything drain, and
 * asserts that each acknowledged prediction is in the log exactly once, and counted exactly once by every view.
 */
export async function proveExactlyOnce(t: Cleanup, plan: KillPlan): Promise<Outcome> {
  const scene = await Scene.open(t);
  const random = seededRandom(plan.seed);
  const kills = { runtime: 0, store: 0 };
  scene.send();
  for (let round = 0; round < plan.rounds; round++) {
    await sleep(random() * plan.between_ms);
    const [killsRuntime, killsStore] = [random() < 0.6, random() < 0.5];
    if (killsRuntime) await scene.killRuntime();
    if (killsStore) await scene.killStore();
    kills.runtime += Number(killsRuntime);
    kills.store += Number(killsStore);
    await sleep((random() * plan.between_ms) / 4);
    if (killsStore) await scene.startStore();
    if (killsRuntime) await scene.startRuntime();
  }
  await scene.drained();
  const rows = await scene.judge();
  return { acknowledged: scene.acknowledged.size, rows, runtime_kills: kills.runtime, store_kills: kills.store };
}

class Scene {
  readonly acknowledged = new Map<string, Acknowledged>();
  readonly #t: Cleanup;
  readonly #models: string;
  readonly #data: string;
  readonly #store: StoreProcess;
  readonly #client: ClickHouseClient;
  #runtime: RuntimeProcess | undefined;
  #sending = true;
  #senders: Promise<void>[] = [];
  #next = 0;

  private constructor(t: Cleanup, models: string, data: string, store: StoreProcess, client: ClickHouseClient) {
    this.#t = t;
    this.#models = models;
    this.#data = data;
    this.#store = store;
    this.#client = client;
  }

  static async open(t: Cleanup): Promise<Scene> {
    const [models, data] = [await modelFolder(t, [MODEL]), await temporaryFolder(t)];
    const store = await startStoreProcess(t);
    const client = connect({ ...CLICKHOUSE_DEFAULTS, url: store.url, application: 'tidegate test' });
    t.after(() => client.close());
    await migrate(client, { database: 'tidegate', cluster: '', program: 'test' });
    await client.insert({ table: 'tidegate.bin_specs', values: specRows(), format: 'JSONEachRow' });
    const scene = new Scene(t, models, data, store, client);
    t.after(() => scene.#stopSending());
    await scene.startRuntime();
    return scene;
  }

  send(): void {
    this.#senders = Array.from({ length: SENDERS }, () => this.#sendAll());
  }

  async startRuntime(): Promise<void> {
    const settings = ['--data-dir', this.#data, '--node-name', NODE, '--clickhouse-url', this.#store.url];
    const ship = ['--log-ship-ms', '50', '--log-spec-poll-ms', '200', '--log-fsync', 'never'];
    this.#runtime = await startRuntimeProcess(this.#t, this.#models, [...settings, ...ship]);
  }

  async killRuntime(): Promise<void> {
    const runtime = this.#runtime;
    this.#runtime = undefined;
    runtime?.child.kill('SIGKILL');
    await runtime?.ended;
  }

  killStore(): Promise<void> {
    return this.#store.kill();
  }

  startStore(): Promise<void> {
    return this.#store.restart();
  }

  async drained(): Promise<void> {
    await this.#stopSending();
    const url = this.#runtime?.url ?? '';
    let passes = 0;
    await until('everything is shipped', async () => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const lag = /^tidegate_log_ship_lag_bytes (\d+)/m.exec(metrics)?.[1];
      passes = lag === '0' ? passes + 1 : 0;
      await sleep(100);
      // The figure is told a few times a second: twice more than one old figure can last.
      return passes > 10;
    });
  }

  /** Returns the rows of the log. */
  async judge(): Promise<number> {
    const rows = await this.#ask(
      "SELECT concat(node, ':', toString(epoch), ':', toString(seq)) AS token, any(request_id) AS request_id, count() AS n, uniqExact(row_idx) AS distinct_rows FROM tidegate.inference_log GROUP BY token",
      z.object({ token: z.string(), request_id: z.string(), n: z.coerce.number(), distinct_rows: z.coerce.number() }),
    );
    const doubled = rows.filter(({ n, distinct_rows }) => n !== distinct_rows);
    assert.deepEqual(doubled, [], 'no row is there twice');
    const found = new Map(rows.map(({ token, request_id, n }) => [token, { request_id, rows: n }]));
    const missing = [...this.acknowledged].filter(([token]) => !found.has(token));
    assert.deepEqual(missing, [], 'no acknowledged prediction is missing');
    for (const [token, expected] of this.acknowledged) assert.deepEqual(found.get(token), expected, token);
    const sum = (values: readonly { readonly n: number }[]) => values.reduce((total, { n }) => total + n, 0);
    const logged = sum(rows);
    const [counted] = await this.#ask(
      `SELECT (SELECT sum(n) FROM tidegate.score_hist WHERE segment = '') AS scores, (SELECT sum(n) FROM tidegate.outcome_hist) AS outcomes,
        (SELECT sum(n) FROM tidegate.drift_num WHERE segment = '') AS numbers,
        (SELECT sum(n) FROM tidegate.drift_hist WHERE segment = '') AS bins,
        (SELECT sum(length(bins)) FROM tidegate.inference_log) AS binned`,
      z.record(z.string(), z.coerce.number()),
    );
    const { scores, outcomes, numbers, bins, binned } = counted;
    assert.deepEqual(
      [scores, outcomes, numbers, bins],
      [logged, logged, logged, binned],
      'the views count each row once',
    );
    assert.ok(bins > 0, 'rows were binned');
    return logged;
  }

  async #ask<T>(query: string, schema: z.ZodType<T>): Promise<T[]> {
    const answer = await this.#client.query({ query, format: 'JSONEachRow' });
    return z.array(schema).parse(await answer.json());
  }

  async #sendAll(): Promise<void> {
    while (this.#sending) {
      const number = this.#next++;
      const rows = 1 + (number % 3);
      const data = Array.from({ length: rows * FEATURES }, (_, index) => ((number + index) % 100) / 100);
      const inputs = [{ name: 'x', datatype: 'FP32', shape: [rows, FEATURES], data }];
      const request_id = `p-${number}`;
      const url = this.#runtime?.url;
      try {
        if (url === undefined) throw new Error('nobody is there');
        const body = JSON.stringify({ id: request_id, inputs });
        const response = await fetch(`${url}/v2/models/${MODEL}/infer`, { method: 'POST', body });
        const token = response.headers.get('tidegate-log');
        if (response.ok && token !== null) this.acknowledged.set(token, { request_id, rows });
        await response.arrayBuffer();
      } catch {
        // Killed in the middle: what was not answered was not promised.
        await sleep(PAUSE_MS);
      }
    }
  }

  async #stopSending(): Promise<void> {
    this.#sending = false;
    await Promise.all(this.#senders);
  }
}

function specRows(): unknown[] {
  const edges = Array.from({ length: 11 }, (_, edge) => edge / 10);
  return Array.from({ length: FEATURES }, (_, position) => ({
    model: MODEL,
    spec_id: 1,
    version: 0,
    position,
    feature: `x[${position}]`,
    kind: 'numeric',
    edges,
    coarse: [0, 10],
    categories: [],
    reference: [],
    origin: '{}',
  }));
}
