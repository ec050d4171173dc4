import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { comparisonText } from '../../cli/compare.js';
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

test('a comparison is told in words, and what is not known is said to be', () => {
  const report = {
    model: 'm',
    champion: 1,
    challenger: 2,
    metric: 'auroc',
    pairs: { rows: 200, of: 900 },
    verdict: 'pass',
  } as const;
  const result = { first: 0.7, second: 0.75, p: 0.0123, gain: { low: -0.001, value: 0.05, high: 0.101 } };
  const disagreement = { only_champion: 3, only_challenger: 20, p: 0.0005 };
  assert.equal(
    comparisonText({ ...report, result, disagreement }),
    [
      'm: version 2 against 1 on 200 requests (of 900): pass',
      'auroc: 0.7000 → 0.7500; better by +0.0500, surely between −0.0010 and +0.1010 (p 0.012)',
      'right alone: version 1 3 times, version 2 20 times (p 0.00050)',
    ].join('\n'),
  );
  assert.equal(
    comparisonText({ ...report, pairs: { rows: 0, of: 0 }, verdict: 'inconclusive', reason: 'nothing' }),
    'm: version 2 against 1 on 0 requests: inconclusive, nothing',
  );
});
