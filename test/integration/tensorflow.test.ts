import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, floats, repositoryIndex, until } from '../harness/ask.js';
import { modelFolder } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';
import { DENSE_GRAPH, DENSE_LAYERS, dense, writeTfjsModel } from '../harness/tfjs-models.js';

const ROWS = Array.from({ length: 48 }, (_, row) => [row / 8, 1 - row / 4, row % 5]);

test('a GraphModel, a LayersModel and an ONNX model are served by one node, and callers who share batches get their own rows', async (t) => {
  const folder = await modelFolder(t, ['scale']);
  await writeTfjsModel(folder, 'graph', DENSE_GRAPH, 'max_batch: 16\n');
  await writeTfjsModel(folder, 'layers', DENSE_LAYERS);
  const { url } = await startRuntime(t, folder);
  const asked = ROWS.flatMap((row) => [
    ask(url, 'graph', [floats('x', [row])]).then(({ outputs, error }) => {
      assert.deepEqual(outputs.y, dense(row), error);
      assert.deepEqual(
        outputs.above,
        dense(row).map((value) => value > 0),
      );
    }),
    ask(url, 'layers', [floats('out_input', [row])]).then(({ outputs, error }) =>
      assert.deepEqual(outputs.drop, dense(row), error),
    ),
  ]);
  await Promise.all(asked);
  const { outputs } = await ask(url, 'scale', [floats('x', [[1, 2, 3, 4]])]);
  assert.deepEqual(outputs.y, [3, 6, 9, 12]);
});

test('metadata and configuration name the platform and the backend', async (t) => {
  const folder = await modelFolder(t, ['scale']);
  await writeTfjsModel(folder, 'layers', DENSE_LAYERS);
  const { url } = await startRuntime(t, folder);
  const read = async (path: string): Promise<unknown> => (await fetch(`${url}/v2/models/layers${path}`)).json();
  const text = JSON.stringify([await read(''), await read('/config')]);
  assert.match(text, /"platform":"tensorflow_js".*"backend":"tensorflowjs".*"max_batch_size":128/);
  assert.match(text, /"default_model_filename":"model\.json"/);
});

test('a missing shard fails its model with the name of the shard, the others are served, and it loads once the shard has arrived', async (t) => {
  const folder = await modelFolder(t, ['scale']);
  await writeTfjsModel(folder, 'graph', DENSE_GRAPH);
  await rm(join(folder, 'graph', '1', 'group1-shard1of2.bin'));
  const { url } = await startRuntime(t, folder, { model_poll_ms: 20 });
  const [graph] = (await repositoryIndex(url)).filter(({ name }) => name === 'graph');
  assert.equal(graph.state, 'UNAVAILABLE');
  assert.match(graph.reason ?? '', /group1-shard1of2\.bin' are missing/);
  const { outputs } = await ask(url, 'scale', [floats('x', [[1, 2, 3, 4]])]);
  assert.deepEqual(outputs.y, [3, 6, 9, 12]);
  await writeTfjsModel(folder, 'graph', DENSE_GRAPH);
  await until('the graph is served', async () =>
    (await repositoryIndex(url)).some(({ name, state }) => name === 'graph' && state === 'READY'),
  );
  assert.deepEqual((await ask(url, 'graph', [floats('x', [[1, 2, 3]])])).outputs.y, dense([1, 2, 3]));
});

test('a manifest that names another platform than the files are of is refused', async (t) => {
  const folder = await modelFolder(t, []);
  await writeTfjsModel(folder, 'graph', DENSE_GRAPH, 'platform: onnx\n');
  const { url } = await startRuntime(t, folder);
  const [{ reason }] = await repositoryIndex(url);
  assert.match(reason ?? '', /manifest says platform onnx.*of the kind tensorflowjs/);
});
