import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LabelRig } from '../control-plane/labels/label-rig.js';
import { until } from '../harness/ask.js';
import { startControlProcess } from '../harness/control-process.js';
import { tidegate } from './command.js';

test('a control plane evaluates the files of a folder, and its alerts are listed, silenced and followed by new files', async (t) => {
  const rig = await LabelRig.open(t);
  await rig.log([{ request_id: 'a', score: 0.5 }]);
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-alerts-'));
  t.after(() => rm(folder, { recursive: true }));
  const write = (name: string, watch: string) =>
    writeFile(
      join(folder, `${name}.yaml`),
      `apiVersion: tidegate/v1\nkind: Monitor\nmetadata: { name: ${name} }\nspec: { model: binary, watch: ${watch}, rule: { below: 1 }, every: 1s }\n`,
    );
  await write('rate', '{ throughput: true }');
  const { url } = await startControlProcess(t, rig.store.url, ['--monitors', folder]);
  const alerts = async (...args: string[]) => tidegate(['alerts', ...args, '--control-url', url]);
  await until('it fires', async () => /^rate +binary +warning +firing /m.test((await alerts('list')).stdout));
  const silenced = await alerts('silence', 'rate', '--by', 'eve', '--until', '1h');
  assert.equal(silenced.code, 0, silenced.stderr);
  assert.match((await alerts()).stdout, /^rate .* silenced until /m);
  assert.match((await alerts('history')).stdout, /^\S+ +rate +fired +warning +0$/m);
  const unknown = await alerts('acknowledge', 'rat');
  assert.equal(unknown.code, 3);
  assert.match(unknown.stderr, /did you mean 'rate'/);
  await write('gone', '{ feature: { name: weather } }');
  await until('a new file is followed, and what cannot be evaluated says why', async () =>
    /^gone .*\(cannot be evaluated\).*no reference yet/m.test((await alerts('list')).stdout),
  );
});
