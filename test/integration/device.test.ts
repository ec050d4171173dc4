import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { ask, floats, repositoryIndex } from '../harness/ask.js';
import { modelFolder } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';

const MetadataSchema = z.object({ parameters: z.object({ device: z.string(), device_reason: z.string() }) });
const StatisticsSchema = z.object({ model_stats: z.array(z.object({ name: z.string(), device: z.string() })) });

const NO_GPU = process.platform === 'linux' ? false : 'elsewhere nothing but a session tells that there is no GPU';

test('metadata, statistics and metrics say what runs a version', { skip: NO_GPU }, async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['scale']), { backends_dir: '/nonexistent' });
  const read = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
  const { parameters } = MetadataSchema.parse(await read('/v2/models/scale'));
  assert.equal(parameters.device, 'cpu');
  assert.match(parameters.device_reason, /device is auto, and no GPU was found that is worth it \(tensorrt: .*cuda: /);
  const { model_stats } = StatisticsSchema.parse(await read('/v2/models/stats'));
  assert.ok(model_stats.every(({ device }) => device === 'cpu'));
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /^tidegate_model_device\{model="scale",version="\d",device="cpu"\} 1$/m);
  assert.match(metrics, /^tidegate_device_lost_total\{model="scale",version="\d"\} 0$/m);
});

test('cuda without its driver fails its model with the reason and the remedy, and the others are served', async (t) => {
  const folder = await modelFolder(t, ['scale', 'whole']);
  await writeFile(join(folder, 'scale', 'model.yaml'), 'device: cuda\n');
  const backends_dir = join(folder, '..', 'none');
  await mkdir(backends_dir, { recursive: true });
  const { url } = await startRuntime(t, folder, { backends_dir });
  const [scale] = (await repositoryIndex(url)).filter(({ name }) => name === 'scale');
  assert.equal(scale.state, 'UNAVAILABLE');
  assert.match(scale.reason ?? '', /device 'cuda' is not available here: .*tidegate doctor/);
  const { error } = await ask(url, 'whole', [floats('x', [[1, 2, 3, 4]])]);
  assert.doesNotMatch(error ?? '', /cuda/);
  assert.equal((await repositoryIndex(url)).find(({ name }) => name === 'whole')?.state, 'READY');
});
