import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { specText } from '../../cli/references.js';
import { migrate } from '../../clickhouse/migrate.js';
import { startControlProcess } from '../harness/control-process.js';
import { startStoreProcess } from '../harness/store-process.js';
import { tidegate } from './command.js';

const HOUR_MS = 3_600_000;

test('references are made of a window and of files, listed and shown, and refused with what is wrong', async (t) => {
  const { client, url: clickhouse } = await startStoreProcess(t);
  await migrate(client, { database: 'tidegate', cluster: '', program: 'test' });
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
  const values = Array.from({ length: 200 }, (_, i) => ({
    ts: ((Date.now() - HOUR_MS + i) / 1000).toFixed(6),
    node: 'n',
    model: 'm',
    version: 1,
    outcome: 'ok',
    num: [i % 100],
    score: 'nan',
    share: 1,
  }));
  await client.insert({ table: 'tidegate.inference_log', values, format: 'JSONEachRow' });
  const { url } = await startControlProcess(t, clickhouse);
  const references = (...rest: readonly string[]) => tidegate(['references', ...rest, '--control-url', url]);

  assert.match((await references('list', 'm')).stdout, /^m has no reference yet: tidegate references create m/);
  assert.equal((await references('show', 'm')).code, 3);
  const window = await references('create', 'm', '--from', '2h');
  assert.match(window.stdout, /^reference \d+ of m: 1 columns of 200 rows, \S+ to \S+$/m, window.stderr);

  const directory = await mkdtemp(join(tmpdir(), 'tidegate-references-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'train.csv');
  await writeFile(file, `x\n${Array.from({ length: 150 }, (_, i) => i / 2).join('\n')}\n`);
  const sent = await references('create', 'm', file, '--version', '1', '--json');
  const made = JSON.parse(sent.stdout);
  assert.equal(made.rows, 150, sent.stderr);
  const { stdout: list } = await references('list', 'm');
  assert.match(list, new RegExp(`^${made.reference_id} +a file +150 +1 +1 `, 'm'));
  assert.equal(list.trim().split('\n').length, 3);
  assert.match((await references('show', 'm')).stdout, /^x +numeric +\d+ +0 to 74\.5 +0\.0 % +[▁▂▃▄▅▆▇█]+$/m);

  const cases: [args: string[], code: number, says: RegExp][] = [
    [['create', 'm'], 2, /give --from/],
    [['create', 'm', file, '--from', '2h'], 2, /of a file or of a window/],
    [['create', 'm', join(directory, 'train.xlsx')], 2, /ends with none of .*\.parquet/],
    [['create', 'm', join(directory, 'gone.csv')], 2, /cannot be read/],
    [['create', 'm', '--from', '2h', '--version', 'two'], 2, /give a number like 3/],
    [['create', 'm', '--from', '2h', '--to', '90m'], 3, /has 0 rows.*needs 100/],
    [['show', 'm', '7'], 3, /has no reference 7/],
  ];
  for (const [args, code, says] of cases) {
    const refused = await references(...args);
    assert.equal(refused.code, code, args.join(' '));
    assert.match(refused.stderr, says);
  }
});

test('a feature without a value and a constant are told as such, and long lists of categories are cut', () => {
  const text = specText([
    { kind: 'numeric', feature: 'never', edges: [0], coarse: [0], reference: [5, 0, 0] },
    { kind: 'numeric', feature: 'same', edges: [7], coarse: [0], reference: [5, 0, 15] },
    { kind: 'categorical', feature: 'c', categories: ['a', 'b', 'c', 'd', 'e'], reference: [0, 0, 5, 4, 3, 2, 1] },
  ]);
  assert.match(text, /^never +numeric +1 +none +100\.0 %/m);
  assert.match(text, /^same +numeric +1 +always 7 +25\.0 % +█/m);
  assert.match(text, /^c +categorical +5 +a, b, c, d, … +0\.0 % +█/m);
});
