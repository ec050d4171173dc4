import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { placeRuntime } from '../../cli/setup/cuda.js';
import { DEFAULT_MANIFEST } from '../../contract/manifest.js';
import { planRequests } from '../../runtime/batch/request-plan.js';
import { describeVersion } from '../../runtime/model/version-description.js';
import { PROVIDER_FOLDER } from '../../runtime/worker/backend/device-candidate.js';
import { loadOrFallBack } from '../../runtime/worker/backend/gpu.js';
import { probeDevices } from '../../runtime/worker/backend/probe.js';
import { SERVING_MODELS, temporaryFolder } from '../harness/checkout.js';

const isPlatform = process.platform === 'linux' && process.arch === 'x64';
const skip = isPlatform ? false : "CUDA's libraries are for Linux on x64";
const LAID_OUT = process.env['TIDEGATE_BACKENDS_DIR'] ?? '';
const hasLibraries = LAID_OUT !== '' && existsSync(join(LAID_OUT, 'cuda', 'laid-out.json'));

test('a provider that cannot be loaded leaves cuda out, with the words of the loader', { skip }, async (t) => {
  const backends_dir = await temporaryFolder(t);
  const home = join(backends_dir, 'cuda');
  await mkdir(home);
  await placeRuntime(home);
  const providers = join(home, PROVIDER_FOLDER);
  for (const name of ['shared', 'cuda']) await writeFile(join(providers, `libonnxruntime_providers_${name}.so`), 'no');
  const [cuda] = await probeDevices({ backends_dir, kinds: ['cuda'], even_without_driver: true });
  assert.equal(cuda.works, false);
  assert.match(cuda.reason, /libonnxruntime_providers_\w+\.so.*(too short|invalid ELF)/s);
});

test("CUDA's own libraries answer, by a session or with why there is no device", {
  skip: hasLibraries ? false : 'needs tidegate setup cuda, and TIDEGATE_BACKENDS_DIR where it has laid them out',
}, async () => {
  const [cuda] = await probeDevices({ backends_dir: LAID_OUT, kinds: ['cuda'], even_without_driver: true });
  const why = /libcuda\.so\.1|no CUDA-capable device|driver version is insufficient/;
  assert.ok(cuda.works || why.test(cuda.reason), cuda.reason);
});

test('a model that does not run on the device that auto chose runs on the CPU, and says why', async () => {
  const artefact = join(SERVING_MODELS, 'scale', '1', 'model.onnx');
  const found = { version: 1, artefact, stamp: '' };
  const source = { model: 'scale', found, manifest: DEFAULT_MANIFEST, config: undefined, workers: 1 };
  const { order } = planRequests(describeVersion(1, source));
  const limits = { load_ms: 20_000, run_ms: 20_000, pause_ms: 1000 };
  const program = { device: 'cuda', home: '/nonexistent' };
  const wanted = { ...order, device: 'cuda', device_home: '/nonexistent' };
  const session = await loadOrFallBack({ ...wanted, may_fall_back: true }, program, limits, () => undefined);
  assert.equal(session.device, 'cpu');
  assert.match(
    session.device_reason ?? '',
    /device is auto, and the model cannot run on cuda: it does not load on cuda/,
  );
  const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const [{ data: answer }] = await session.run([{ name: 'x', datatype: 'FP32', shape: [1, 4], data }], ['y']);
  assert.ok(answer instanceof Uint8Array);
  assert.deepEqual([...new Float32Array(new Uint8Array(answer).buffer)], [2, 4, 6, 8]);
  await session.release();
  await assert.rejects(
    loadOrFallBack(wanted, program, limits, () => undefined),
    /does not load on cuda/,
  );
});
