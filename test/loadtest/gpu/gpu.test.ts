import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkOnDevice, orderFor, timeOnCpu } from '../../../loadtest/gpu/device-suite.js';
import { NETWORKS } from '../../../loadtest/gpu/networks.js';
import { gpuPage } from '../../../loadtest/gpu/report.js';
import { summary } from '../../../loadtest/gpu/timing.js';
import { numbers } from '../../../runtime/worker/backend/agreement.js';
import { loadOnnx } from '../../../runtime/worker/backend/onnx.js';
import { comparedOutputs, sampleRows } from '../../../runtime/worker/backend/sample-rows.js';
import { BUILT, temporaryFolder } from '../../harness/checkout.js';

const WEBGPU = { kind: 'webgpu', works: true, reason: '', speedup: 9, home: '' } as const;

for (const [key, network] of Object.entries(NETWORKS)) {
  test(`the network '${key}' loads, and what it computes neither vanishes nor grows beyond bounds`, async (t) => {
    const order = await orderFor(key, network, WEBGPU, await temporaryFolder(t));
    const session = await loadOnnx(order, 'cpu');
    const [{ data, shape }] = await session.run(sampleRows(order, 2), comparedOutputs(order));
    await session.release();
    assert.equal(shape[0], 2);
    assert.ok(data instanceof Uint8Array);
    const values = [...numbers(data, 'FP32')];
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    assert.ok(values.every(Number.isFinite) && largest > 0.1 && largest < 100, `largest is ${largest}`);
  });
}

test('runs are timed by batch, and a device that cannot be had is a fault that says why', async (t) => {
  const { small } = NETWORKS;
  const order = await orderFor('small', small, WEBGPU, await temporaryFolder(t));
  const timings = await timeOnCpu(order, small, 0, 1);
  assert.deepEqual(
    timings.map(({ batch }) => batch),
    [1, 32, 128, 1024],
  );
  assert.ok(timings.every(({ p50_ms, p99_ms, rows_per_second }) => p50_ms <= p99_ms && rows_per_second > 0));
  await assert.rejects(
    checkOnDevice({ ...order, device: 'cuda', device_home: '/nonexistent' }),
    /does not load on cuda/,
  );
});

test('a summary has the middle, the slow end, and the rows of all runs by their time', () => {
  const taken_ms = Array.from({ length: 100 }, (_, at) => at + 1);
  assert.deepEqual(summary(8, taken_ms), { batch: 8, p50_ms: 51, p99_ms: 100, rows_per_second: 800_000 / 5050 });
});

test('the page has a table for each network, and reasons in place of figures that there are not', () => {
  const timings = [{ batch: 1, p50_ms: 0.5, p99_ms: 12.34, rows_per_second: 1999.6 }];
  const page = gpuPage({
    machine: ['a processor'],
    checks: ['cuda, small: agrees'],
    measured: [
      { network: 'small', where: 'cuda', failure: '', timings },
      { network: 'small', where: 'Python', failure: 'no\nmodule | numpy', timings: [] },
    ],
  });
  assert.match(
    page,
    /## Small\n\n\| where .*\n.*\n\| cuda \| 1 \| 0\.50 ms \| 12\.3 ms \| 2000 \|\n\| Python \| \| \| \| no module numpy \|\n$/,
  );
});

test('without a GPU the suite says so for each kind of device, and that is no failure', (t) => {
  const { VK_ICD_FILENAMES: _driver, ...env } = process.env;
  const { status, stdout } = spawnSync(process.execPath, [join(BUILT, 'loadtest', 'gpu.js')], {
    env,
    encoding: 'utf8',
  });
  if (!stdout.includes('webgpu: not here')) return t.skip('this machine has a graphics device');
  assert.match(stdout, /cuda: not here: .*\nwebgpu: not here: .*\nThere is no GPU here/);
  assert.equal(status, 0);
});
