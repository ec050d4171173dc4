import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';
import { migrate } from '../../../clickhouse/migrate.js';
import { numericBin } from '../../../contract/bin-spec.js';
import { createApp } from '../../../control-plane/app.js';
import { psi } from '../../../control-plane/drift/statistics/histogram-distance.js';
import { isMeasured } from '../../../control-plane/drift/statistics/measurement.js';
import { seededRandom } from '../../harness/seeded-random.js';
import { startStoreProcess } from '../../harness/store-process.js';

const DATABASE = 'tidegate';
const HOUR_MS = 3_600_000;
/** Two whole hours ago, so that states, parts of hours and rows without a reference all occur. */
const START_MS = Math.floor(Date.now() / HOUR_MS - 3) * HOUR_MS;
const LAYOUT = {
  features: [
    { name: 'steady', kind: 'numeric', input: 'x', element: 0, privacy: 'plain' },
    { name: 'moving', kind: 'numeric', input: 'x', element: 1, privacy: 'plain' },
    { name: 'constant', kind: 'numeric', input: 'x', element: 2, privacy: 'plain' },
    { name: 'never', kind: 'numeric', input: 'x', element: 3, privacy: 'plain' },
    { name: 'wild', kind: 'numeric', input: 'x', element: 4, privacy: 'plain' },
    { name: 'carrier', kind: 'categorical', input: 'c', element: 0, privacy: 'plain' },
  ],
  outputs: [],
  output_texts: [],
  classes: ['no', 'yes'],
  score: 'probability',
  inputs: 'kept',
};

interface Row {
  readonly ts_ms: number;
  readonly num: readonly number[];
  readonly carrier: string;
  readonly score: number;
}

/** Rows over `hours`; `shift` moves one feature and brings a new carrier. */
function rowsOf(seed: number, from_ms: number, count: number, hours: number, shift: number): Row[] {
  const random = seededRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: count }, (_, i) => ({
    ts_ms: from_ms + Math.floor((i * hours * HOUR_MS) / count),
    num: [normal(), normal() + shift, 7, Number.NaN, i % 50 === 0 ? Number.POSITIVE_INFINITY : normal()],
    carrier: shift > 0 && i % 5 === 0 ? 'NEW' : ['AA', 'DL', 'UA'][Math.floor(random() * 3)],
    score: random(),
  }));
}

const ReportSchema = z.object({
  verdict: z.object({ verdict: z.string(), drifted: z.number(), judged: z.number() }),
  source: z.object({ state_hours: z.number(), counted_spans: z.number() }),
  series: z.object({ from: z.array(z.string()), values: z.record(z.string(), z.array(z.unknown())) }).optional(),
  features: z.array(
    z.object({
      feature: z.string(),
      verdict: z.string(),
      samples: z.object({ reference: z.number(), current: z.number() }),
      measures: z.record(z.string(), z.object({ value: z.number().optional(), absence: z.string().optional() })),
    }),
  ),
});

class Rig {
  readonly #store: Awaited<ReturnType<typeof startStoreProcess>>;
  readonly #app: ReturnType<typeof createApp>;
  #inserts = 0;

  private constructor(store: Awaited<ReturnType<typeof startStoreProcess>>) {
    this.#store = store;
    const log = { debug() {}, info() {}, warn() {}, error() {}, flush() {} };
    this.#app = createApp({ client: store.client, database: DATABASE, log, now_ms: Date.now });
  }

  static async open(t: TestContext): Promise<Rig> {
    const store = await startStoreProcess(t);
    await migrate(store.client, { database: DATABASE, cluster: '', program: 'test' });
    await store.client.insert({
      table: `${DATABASE}.feature_layouts`,
      values: [{ model: 'm', version: 1, digest: 'd', layout: JSON.stringify({ model: 'm', version: 1, ...LAYOUT }) }],
      format: 'JSONEachRow',
    });
    return new Rig(store);
  }

  /** As the shipper sends them: with the bins of a reference, or without one. */
  async log(
    rows: readonly Row[],
    spec?: { readonly id: number; readonly bins: (row: Row) => number[] },
  ): Promise<void> {
    await this.#store.client.insert({
      table: `${DATABASE}.inference_log`,
      values: rows.map((row, i) => ({
        ts: (row.ts_ms / 1000).toFixed(6),
        node: 'n',
        epoch: 1,
        seq: this.#inserts * 1_000_000 + i,
        request_id: `r${this.#inserts}-${i}`,
        model: 'm',
        version: 1,
        variant: 'champion',
        outcome: 'ok',
        segment: { half: i % 2 === 0 ? 'even' : 'odd' },
        num: row.num.map((value) => (Number.isFinite(value) ? value : Number.isNaN(value) ? 'nan' : 'inf')),
        cat: [row.carrier],
        score: row.score,
        class: row.score > 0.5 ? 'yes' : 'no',
        share: 1,
        spec_id: spec?.id ?? 0,
        bins: spec?.bins(row) ?? [],
      })),
      format: 'JSONEachRow',
      clickhouse_settings: { insert_deduplication_token: `t${this.#inserts++}` },
    });
  }

  async get(path: string): Promise<{ status: number; body: unknown }> {
    const response = await this.#app.request(path);
    return { status: response.status, body: await response.json() };
  }

  async post(path: string, body: unknown): Promise<{ status: number; body: unknown }> {
    const response = await this.#app.request(path, { method: 'POST', body: JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  }

  async drift(query: string): Promise<z.infer<typeof ReportSchema>> {
    const { status, body } = await this.get(`/v1/models/m/drift?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return ReportSchema.parse(body);
  }
}

const iso = (ms: number) => encodeURIComponent(new Date(ms).toISOString());

const SpecSchema = z.object({
  features: z.array(
    z.object({
      feature: z.string(),
      edges: z.array(z.number()).default([]),
      categories: z.array(z.string()).default([]),
    }),
  ),
});
const MadeSchema = z.object({ reference_id: z.number() });
const FIRST_HOUR = { from: new Date(START_MS).toISOString(), to: new Date(START_MS + HOUR_MS).toISOString() };

/** Freezes the first hour; the bins are those that a shipper would write. */
async function freeze(rig: Rig): Promise<{ readonly id: number; readonly bins: (row: Row) => number[] }> {
  const made = await rig.post('/v1/models/m/references', { window: FIRST_HOUR });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { reference_id: id } = MadeSchema.parse(made.body);
  const { features } = SpecSchema.parse((await rig.get(`/v1/models/m/references/${id}`)).body);
  const of = (name: string) => {
    const found = features.find(({ feature }) => feature === name);
    assert.ok(found !== undefined, name);
    return found;
  };
  const bins = (row: Row): number[] => [
    ...['steady', 'moving', 'constant', 'never', 'wild'].map((name, i) => numericBin(of(name).edges, row.num[i])),
    of('carrier').categories.includes(row.carrier) ? 2 + of('carrier').categories.indexOf(row.carrier) : 1,
    numericBin(of('@score').edges, row.score),
    2 + of('@class').categories.indexOf(row.score > 0.5 ? 'yes' : 'no'),
  ];
  return { id, bins };
}

test('drift is found where it is, in whatever mixture of states and rows a window lies', async (t) => {
  const rig = await Rig.open(t);
  await rig.log(rowsOf(1, START_MS, 3000, 1, 0));
  const reference = await freeze(rig);
  const after = rowsOf(2, START_MS + HOUR_MS, 3000, 1.5, 1);
  // The first hour with bins, as a runtime sends them that knows the reference; what follows from one that does not.
  const [known, unknown] = [0, 1].map((part) =>
    after.filter(({ ts_ms }) => (ts_ms < START_MS + 2 * HOUR_MS ? 0 : 1) === part),
  );
  await rig.log(known, reference);
  await rig.log(unknown);

  const report = await rig.drift(`from=${iso(START_MS + HOUR_MS)}&to=${iso(START_MS + 2.5 * HOUR_MS)}`);
  assert.deepEqual(report.source, { state_hours: 1, counted_spans: 1 });
  const verdicts = Object.fromEntries(report.features.map(({ feature, verdict }) => [feature, verdict]));
  assert.deepEqual(verdicts, {
    steady: 'ok',
    moving: 'drift',
    constant: 'ok',
    never: 'noData',
    wild: 'ok',
    carrier: 'drift',
    '@score': 'ok',
    '@class': 'ok',
  });
  const moving = report.features.find(({ feature }) => feature === 'moving');
  assert.deepEqual(moving?.samples, { reference: 3000, current: 3000 });

  // From rows alone, from a part of an hour, and with another reference of the same window: the same counts, the same figures.
  const { id: second } = await freeze(rig);
  const counted = await rig.drift(
    `from=${iso(START_MS + HOUR_MS)}&to=${iso(START_MS + 2.5 * HOUR_MS)}&reference=${second}`,
  );
  assert.equal(counted.source.state_hours, 0);
  assert.deepEqual(counted.features, report.features);
  const hourly = `from=${iso(START_MS + HOUR_MS)}&to=${iso(START_MS + 2.5 * HOUR_MS)}&bucket=hour`;
  const [states, rows] = [await rig.drift(`${hourly}&reference=${reference.id}`), await rig.drift(hourly)];
  assert.equal(states.series?.from.length, 2);
  assert.equal(Object.keys(states.series.values).length, 8);
  assert.deepEqual(states.series, rows.series);

  const half = await rig.drift(`from=${iso(START_MS + HOUR_MS)}&to=${iso(START_MS + 2 * HOUR_MS)}&segment=half=even`);
  assert.equal(
    half.features.find(({ feature }) => feature === 'moving')?.samples.current,
    known.filter((_, i) => i % 2 === 0).length,
  );
});

const AttributionSchema = z.object({
  attribution: z.object({
    total: z.number(),
    contributions: z.array(z.object({ name: z.string(), part: z.number(), rows: z.number() })),
  }),
});

test('drift that is in one segment alone is attributed to it, and the parts add up', async (t) => {
  const rig = await Rig.open(t);
  await rig.log(rowsOf(5, START_MS, 2000, 1, 0));
  await freeze(rig);
  const [calm, moved] = [rowsOf(6, START_MS + HOUR_MS, 2000, 1, 0), rowsOf(7, START_MS + HOUR_MS, 2000, 1, 1.5)];
  // `log` puts every other row into the segment `odd`.
  await rig.log(calm.map((row, i) => (i % 2 === 0 ? row : moved[i])));
  const window = `from=${iso(START_MS + HOUR_MS)}&to=${iso(START_MS + 2 * HOUR_MS)}`;
  const { body } = await rig.get(`/v1/models/m/drift/attribution?feature=moving&by=segment:half&${window}`);
  const { attribution } = AttributionSchema.parse(body);
  assert.deepEqual(
    attribution.contributions.map(({ name, rows }) => [name, rows]),
    [
      ['odd', 1000],
      ['even', 1000],
    ],
  );
  const [odd, even] = attribution.contributions;
  assert.ok(odd.part > 20 * Math.abs(even.part), JSON.stringify(attribution));
  assert.ok(Math.abs(odd.part + even.part - attribution.total) < 1e-12);
  const every = await rig.get(`/v1/models/m/drift/attribution?feature=moving&by=every&${window}`);
  const { items } = z.object({ items: z.array(AttributionSchema.extend({ by: z.string() })) }).parse(every.body);
  assert.equal(items.map(({ by }) => by).join(), 'node,version,variant,source,segment:half');
  assert.deepEqual(items[4].attribution, attribution);
  const unknown = await rig.get(`/v1/models/m/drift/attribution?feature=movin&by=node&${window}`);
  assert.match(JSON.stringify(unknown), /404.*no feature 'movin': did you mean 'moving'/);
  const wrong = await rig.get(`/v1/models/m/drift/attribution?feature=moving&by=month&${window}`);
  assert.match(JSON.stringify(wrong), /400.*give node, version, variant, source or segment:name/);
});

test('the reference compared with itself has not drifted, and its PSI is that of equal counts', async (t) => {
  const rig = await Rig.open(t);
  await rig.log(rowsOf(3, START_MS, 500, 1, 0));
  const window = { from: new Date(START_MS).toISOString(), to: new Date(START_MS + HOUR_MS).toISOString() };
  assert.equal((await rig.post('/v1/models/m/references', { window })).status, 201);
  const report = await rig.drift(`from=${iso(START_MS)}&to=${iso(START_MS + HOUR_MS)}`);
  assert.equal(report.verdict.drifted, 0);
  const zero = psi(Float64Array.of(1, 2), Float64Array.of(1, 2));
  assert.equal(isMeasured(zero) && zero.value, 0);
  for (const { measures } of report.features)
    if (measures['psi'].absence === undefined) assert.equal(measures['psi'].value, 0);
});

test('what cannot be answered is a problem that says why', async (t) => {
  const rig = await Rig.open(t);
  const cases: [path: string, status: number, code: string, detail: RegExp][] = [
    ['/v1/models/nobody/drift', 404, 'NOT_FOUND', /no reference yet/],
    ['/v1/models/m/drift?refrence=1', 400, 'INVALID_PARAMETER', /did you mean 'reference'/],
    ['/v1/models/m/drift?from=yesterday', 400, 'INVALID_PARAMETER', /give a time like/],
    ['/v1/models/m/references/x', 400, 'INVALID_PARAMETER', /no id/],
    ['/v1/models/m/references/7', 404, 'NOT_FOUND', /has no reference 7/],
    ['/v1/nothing', 404, 'NOT_FOUND', /there is no GET/],
  ];
  for (const [path, status, code, detail] of cases) {
    const answer = await rig.get(path);
    const problem = z
      .object({ type: z.string(), status: z.number(), code: z.string(), detail: z.string() })
      .parse(answer.body);
    assert.deepEqual([answer.status, problem.status, problem.code], [status, status, code], path);
    assert.equal(problem.type, `urn:tidegate:error:${code}`);
    assert.match(problem.detail, detail);
  }
  const empty = { window: { from: new Date(START_MS).toISOString(), to: new Date(START_MS + 1).toISOString() } };
  const few = await rig.post('/v1/models/m/references', empty);
  assert.match(JSON.stringify(few), /400.*has 0 rows.*needs 100/);
  const unlogged = await rig.post('/v1/models/nobody/references', empty);
  assert.match(JSON.stringify(unlogged), /404.*nothing of a model 'nobody' has been logged/);
  const backwards = await rig.post('/v1/models/m/references', { window: { from: '1h', to: '2h' } });
  assert.match(JSON.stringify(backwards), /400.*is empty/);
  await rig.log(rowsOf(4, START_MS, 200, 1, 0));
  const window = { from: new Date(START_MS).toISOString(), to: new Date(START_MS + HOUR_MS).toISOString() };
  assert.equal((await rig.post('/v1/models/m/references', { window })).status, 201);
  const nothing = await rig.drift(`from=${iso(START_MS + 2 * HOUR_MS)}&to=${iso(START_MS + 2.5 * HOUR_MS)}`);
  assert.equal(nothing.verdict.verdict, 'noData');
  for (const { verdict } of nothing.features) assert.equal(verdict, 'noData');
});
