import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { trend } from '../../cli/sparkbars.js';
import { LabelRig } from '../control-plane/labels/label-rig.js';
import { until } from '../harness/ask.js';
import { startControlProcess } from '../harness/control-process.js';
import { tidegate } from './command.js';

test('labels are pushed from a file, joined by the control plane, and performance is told', async (t) => {
  const rig = await LabelRig.open(t);
  const rows = Array.from({ length: 400 }, (_, i) => ({
    request_id: `r${i}`,
    ts_ms: Date.now() - 60_000,
    score: ((i % 100) + 0.5) / 100,
    segment: { region: i % 2 === 0 ? 'eu' : 'us' },
  }));
  await rig.log(rows);
  const { url } = await startControlProcess(t, rig.store.url);
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-labels-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'labels.csv');
  const lines = rows.map(({ request_id, score }) => `${request_id},${score >= 0.5 ? 'yes' : 'no'}`);
  await writeFile(file, ['request_id,label', ...lines, 'r1,', 'unknown,yes'].join('\n'));
  const pushed = await tidegate(['labels', 'push', file, '--model', 'binary', '--control-url', url]);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stdout, /^401 labels taken, 1 rows broken/);
  assert.match(pushed.stdout, /^401 +'label' is missing/m);
  await until('the labels are joined', async () => {
    const { stdout } = await tidegate(['labels', 'status', '--model', 'binary', '--control-url', url]);
    return /^401 +1 +400 +0 +0$/m.test(stdout);
  });
  const told = await tidegate(['performance', 'binary', '--by', 'segment:region', '--control-url', url]);
  assert.equal(told.code, 0, told.stderr);
  assert.match(told.stdout, /^binary: 400 of 400 predictions labelled \(100\.0 %\)/);
  assert.match(told.stdout, /^binary: 'yes' from a score of 0\.5; estimates: scores as they are$/m);
  assert.match(told.stdout, /^accuracy +1\.0000 +0\.7500 +·*▅·*$/m);
  assert.match(told.stdout, /^eu +200 +1\.0000/m);
  const refused = await tidegate(['labels', 'push', file, '--on-error', 'refuse', '--control-url', url]);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /no label was taken, 1 of them is broken; row 401/);
});

test('a file that is none, and a control plane that is not there, are errors that say so', async () => {
  const unknown = await tidegate(['labels', 'push', 'labels.txt']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /ends with none of \.json, \.ndjson, \.jsonl, \.csv, \.parquet/);
  const missing = await tidegate(['labels', 'push', 'no-such.csv']);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /'no-such.csv' cannot be read/);
  const away = await tidegate(['performance', 'm', '--control-url', 'http://127.0.0.1:9']);
  assert.equal(away.code, 4);
});

test('a trend shows where nothing is known', () => {
  assert.equal(trend([1, undefined, 3, 2], 10), '▁·█▅');
  assert.equal(trend([5, 5], 10), '▅▅');
  assert.equal(trend([undefined], 10), '·');
  assert.equal(trend([0, 0, 1, 1], 2), '▁█');
});
