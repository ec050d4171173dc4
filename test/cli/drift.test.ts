import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketOf, driftText } from '../../cli/drift.js';
import { blameText } from '../../cli/drift-blame.js';
import { sparkbars } from '../../cli/sparkbars.js';
import { migrate } from '../../clickhouse/migrate.js';
import { startControlProcess } from '../harness/control-process.js';
import { startStoreProcess } from '../harness/store-process.js';
import { tidegate } from './command.js';

const HOUR_MS = 3_600_000;

test('tidegate drift asks a real control plane, and says what moved; a signal ends the control plane with 0', async (t) => {
  const { client, url: clickhouse } = await startStoreProcess(t);
  await migrate(client, { database: 'tidegate', cluster: '', program: 'test' });
  const now_ms = Date.now();
  const layout = {
    features: [{ name: 'x', kind: 'numeric', privacy: 'plain' }],
    classes: [],
    score: 'none',
    inputs: 'kept',
  };
  await client.insert({
    table: 'tidegate.feature_layouts',
    values: [{ model: 'm', version: 1, digest: 'd', layout: JSON.stringify(layout) }],
    format: 'JSONEachRow',
  });
  const rows = (from_ms: number, shift: number) =>
    Array.from({ length: 400 }, (_, i) => ({
      ts: ((from_ms + i) / 1000).toFixed(6),
      node: 'n',
      model: 'm',
      version: 1,
      outcome: 'ok',
      num: [(i % 100) + shift],
      score: 'nan',
      share: 1,
    }));
  const values = [...rows(now_ms - 2 * HOUR_MS, 0), ...rows(now_ms - HOUR_MS / 2, 60)];
  await client.insert({ table: 'tidegate.inference_log', values, format: 'JSONEachRow' });
  const { url, child } = await startControlProcess(t, clickhouse);

  const early = await tidegate(['drift', 'm', '--control-url', url]);
  assert.equal(early.code, 3);
  assert.match(early.stderr, /model 'm' has no reference yet.*\(NOT_FOUND\)/);
  const window = { from: new Date(now_ms - 2 * HOUR_MS).toISOString(), to: new Date(now_ms - HOUR_MS).toISOString() };
  const made = await fetch(`${url}/v1/models/m/references`, { method: 'POST', body: JSON.stringify({ window }) });
  assert.equal(made.status, 201, await made.text());
  const { code, stdout, stderr } = await tidegate(['drift', 'm', '--control-url', url]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^m: 1 of 1 columns drifted/);
  assert.match(stdout, /^x +drift +kolmogorovSmirnov +p \S+ .* 400 +[·▁▂▃▄▅▆▇█]+$/m);
  assert.match(stdout, /^x: no segment, node, version or variant explains its drift more than others$/m);
  const json = await tidegate(['drift', 'm', '--control-url', url, '--json']);
  assert.equal(JSON.parse(json.stdout).features[0].verdict, 'drift');
  const together = await tidegate(['drift', 'm', '--control-url', url, '--multivariate', 'pca,classifier']);
  assert.match(together.stdout, /^pca: \S+ \(400 rows against 400\), reconstruction error \d/m, together.stderr);
  assert.match(together.stdout, /^classifier: drift \(400 rows against 400\), AUROC 0\.\d+ ±0\.\d+ \(0\.5: none\)$/m);
  const wrong = await tidegate(['drift', 'm', '--control-url', url, '--from', 'noon']);
  assert.equal(wrong.code, 3);
  assert.match(wrong.stderr, /'from' is .*noon.*give a time like/);

  const ended = new Promise((resolve) => child.once('exit', (status) => resolve(status)));
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
  assert.equal((await tidegate(['drift', 'm', '--control-url', url])).code, 4);
});

test('a control plane without a ClickHouse says what to do', async () => {
  const { code, stderr } = await tidegate(['control-plane', '--control-port', '0'], { env: { CLICKHOUSE_URL: '' } });
  assert.equal(code, 2);
  assert.match(stderr, /name its ClickHouse with CLICKHOUSE_URL, or run tidegate up/);
});

test('features without data say why, and bars show the shape, the highest one full', () => {
  const absent = {
    feature: 'f',
    verdict: 'noData' as const,
    reason: 'fewSamples',
    measure: 'psi',
    threshold: { by: 'value' as const, limit: 0.1 },
    samples: { reference: 3, current: 2 },
    shares: { reference: [0, 1], current: [] },
    measures: { psi: { absence: 'noData' } },
  };
  const verdict = { verdict: 'noData', drifted: 0, judged: 0 };
  const text = driftText({ model: 'm', reference_id: 1, from: 'a', to: 'b', verdict, features: [absent] });
  assert.match(text, /^f +no data \(few rows\) +psi +noData/m);
  assert.equal(sparkbars([0, 0.5, 1], 16), '▁▅█');
  assert.equal(sparkbars([1, 1, 0, 0], 2), '█▁');
  assert.equal(sparkbars([], 16), '');
});

test('one line tells which group most of a drift comes from, and none that is only large', () => {
  const of = (by: string, ...groups: readonly [name: string, share: number, rows: number][]) => ({
    by,
    attribution: { total: 1, contributions: groups.map(([name, share, rows]) => ({ name, share, rows })) },
  });
  const items = [
    of('node', ['n2', 0.9, 10], ['n1', 0.1, 30]),
    of('version', ['3', 0.97, 95], ['2', 0.03, 5]),
    of('variant', ['champion', 1, 40]),
    of('segment:carrier', ['AA', 0.95, 4], ['DL', 0.05, 36]),
    { by: 'segment:month' },
  ];
  assert.equal(blameText('delay', items), 'delay: mostly carrier=AA (95 %), on n2 (90 %)');
  assert.equal(
    blameText('delay', items.slice(1, 3)),
    'delay: no segment, node, version or variant explains its drift more than others',
  );
});

test('short windows are shown by hour, long ones by day, whichever way their begin is written', () => {
  assert.equal(bucketOf({}), 'hour');
  assert.equal(bucketOf({ from: '24h' }), 'hour');
  assert.equal(bucketOf({ from: '30d' }), 'day');
  assert.equal(bucketOf({ from: '30d', to: '29d' }), 'hour');
  assert.equal(bucketOf({ from: '2001-01-01T00:00:00Z', to: '2001-02-01T00:00:00Z' }), 'day');
  assert.equal(bucketOf({ from: 'noon' }), 'hour');
  assert.equal(bucketOf({ from: '365d' }), undefined);
});
