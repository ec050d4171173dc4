import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_MANIFEST } from '../../contract/manifest.js';
import { planRequests } from '../../runtime/batch/request-plan.js';
import { describeVersion } from '../../runtime/model/version-description.js';
import { loadOnGpu } from '../../runtime/worker/backend/gpu.js';
import type { GpuSession } from '../../runtime/worker/backend/gpu-session.js';
import { probeDevices } from '../../runtime/worker/backend/probe.js';
import { ask, floats, repositoryIndex } from '../harness/ask.js';
import { type Cleanup, FIXTURES, modelFolder, SERVING_MODELS } from '../harness/checkout.js';
import { startRuntime, untilRunning } from '../harness/runtime.js';

/** A GPU in software, which comes with the browser. */
const SOFTWARE_GPU = '/usr/lib/chromium/vk_swiftshader_icd.json';
const LOADERS = ['/usr/lib/x86_64-linux-gnu/libvulkan.so.1', '/usr/lib/aarch64-linux-gnu/libvulkan.so.1'];
const hasGpu = existsSync(SOFTWARE_GPU) && LOADERS.some((path) => existsSync(path));
const skip = hasGpu ? false : 'needs the packages chromium and libvulkan1, for a GPU in software';
if (hasGpu) process.env['VK_ICD_FILENAMES'] = SOFTWARE_GPU;

const GPU_MODELS = join(FIXTURES, 'gpu');
const X = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const INPUTS = [{ name: 'x', datatype: 'FP32', shape: [1, 4], data: X }] as const;

async function scaleSession(t: Cleanup, run_ms: number): Promise<GpuSession> {
  const artefact = join(SERVING_MODELS, 'scale', '1', 'model.onnx');
  const found = { version: 1, artefact, stamp: '' };
  const manifest = { ...DEFAULT_MANIFEST, device: 'webgpu' };
  const version = describeVersion(1, { model: 'scale', found, manifest, config: undefined, workers: 2 });
  assert.equal(version.instances, 1);
  const session = await loadOnGpu(
    planRequests(version).order,
    { device: 'webgpu', home: '' },
    { load_ms: 60_000, run_ms, pause_ms: 60_000 },
    () => undefined,
  );
  t.after(() => session.release());
  return session;
}

/** Children of this process that hold a GPU; threads have children of their own. */
function gpuProcesses(): number[] {
  const tasks = readdirSync('/proc/self/task');
  const children = tasks.flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' '));
  return children
    .filter((pid) => pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('gpu-process.js'))
    .map(Number);
}

async function assertAnswers(session: GpuSession): Promise<void> {
  const [{ data }] = await session.run(INPUTS, ['y']);
  assert.ok(data instanceof Uint8Array);
  assert.deepEqual([...new Float32Array(new Uint8Array(data).buffer)], [2, 4, 6, 8]);
}

test('a model on webgpu answers by the same path, beside one on the CPU', { skip }, async (t) => {
  const folder = await modelFolder(t, ['scale', 'whole']);
  await writeFile(join(folder, 'scale', 'model.yaml'), 'device: webgpu\nversions: {specific: [1]}\n');
  const { url } = await startRuntime(t, folder);
  const answers = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((row) => ask(url, 'scale', [floats('x', [[row, 0, 0, row]])])),
  );
  answers.forEach(({ outputs, error }, index) => {
    assert.deepEqual(outputs.y, [2 * (index + 1), 0, 0, 2 * (index + 1)], error);
  });
  assert.equal((await repositoryIndex(url)).find(({ name }) => name === 'whole')?.state, 'READY');
});

test('a convolution that webgpu computes wrongly is refused with where it differs, a right one is served', {
  skip,
}, async (t) => {
  const folder = await modelFolder(t, ['conv6', 'conv8'], GPU_MODELS);
  const { url } = await startRuntime(t, folder);
  const index = new Map((await repositoryIndex(url)).map((row) => [row.name, row]));
  assert.equal(index.get('conv8')?.state, 'READY', index.get('conv8')?.reason);
  assert.equal(index.get('conv6')?.state, 'UNAVAILABLE');
  assert.match(
    index.get('conv6')?.reason ?? '',
    /something else than on the CPU: output 'y' has .* at element \d+, on the CPU/,
  );
});

test('a GPU process that dies loses its batch, and the next one gets a new process', { skip }, async (t) => {
  const session = await scaleSession(t, 30_000);
  await assertAnswers(session);
  const first = session.pid;
  assert.ok(first !== undefined);
  // Stopped first, so that the batch is surely on its way when the process dies.
  process.kill(first, 'SIGSTOP');
  const lost = assert.rejects(session.run(INPUTS, ['y']), /GPU process ended \(SIGKILL\); another one is started/);
  process.kill(first, 'SIGKILL');
  await lost;
  await assertAnswers(session);
  assert.notEqual(session.pid, first);
});

test('a caller whose GPU process dies is told that it may send again, it is counted, and the next one is answered', {
  skip: skip || (process.platform === 'linux' ? false : 'finds the process in /proc'),
}, async (t) => {
  const folder = await modelFolder(t, ['scale']);
  await writeFile(join(folder, 'scale', 'model.yaml'), 'device: webgpu\nversions: {specific: [1]}\n');
  const runtime = await startRuntime(t, folder);
  const { url } = runtime;
  const pid = gpuProcesses()[0];
  process.kill(pid, 'SIGSTOP');
  const asked = ask(url, 'scale', [floats('x', [[1, 2, 3, 4]])]);
  await untilRunning(runtime);
  process.kill(pid, 'SIGKILL');
  const { status, error } = await asked;
  assert.equal(status, 503, error);
  assert.match(error ?? '', /the GPU process ended \(SIGKILL\).*may be sent again/);
  assert.deepEqual((await ask(url, 'scale', [floats('x', [[1, 2, 3, 4]])])).outputs.y, [2, 4, 6, 8]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /^tidegate_device_lost_total\{model="scale",version="1"\} 1$/m);
  assert.match(metrics, /^tidegate_model_device\{model="scale",version="1",device="webgpu"\} 1$/m);
});

test('a driver that hangs is given up in time, and its process is ended', { skip }, async (t) => {
  const session = await scaleSession(t, 2000);
  await assertAnswers(session);
  const hung = session.pid;
  assert.ok(hung !== undefined);
  process.kill(hung, 'SIGSTOP');
  await assert.rejects(session.run(INPUTS, ['y']), /did not answer within 2000 ms and was ended/);
  await assertAnswers(session);
  assert.notEqual(session.pid, hung);
});

test('the probe runs a session on the GPU, measures it against the CPU, and says why the others are not there', {
  skip,
}, async () => {
  const found = await probeDevices({ backends_dir: '/nonexistent', limit_ms: 60_000 });
  const webgpu = found.find(({ kind }) => kind === 'webgpu');
  assert.equal(webgpu?.works, true, webgpu?.reason);
  assert.match(webgpu?.reason ?? '', /the probe took [\d.]+ ms there and [\d.]+ ms on the CPU/);
  assert.ok(webgpu.speedup > 0);
  for (const { works, reason } of found.filter(({ kind }) => kind !== 'webgpu')) {
    assert.equal(works, false);
    assert.match(reason, /no NVIDIA driver|not installed|for Linux on x64/);
  }
});

test('without a GPU, webgpu is an error with the remedy and never the CPU', async (t) => {
  const before = process.env['VK_ICD_FILENAMES'];
  process.env['VK_ICD_FILENAMES'] = '/dev/null';
  t.after(() => {
    if (before === undefined) delete process.env['VK_ICD_FILENAMES'];
    else process.env['VK_ICD_FILENAMES'] = before;
  });
  await assert.rejects(scaleSession(t, 2000), /does not load on webgpu: .*Set device to cpu or auto/s);
});
