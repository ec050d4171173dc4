import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IRIS_CLASSES, IRIS_SEED, trainIris } from '../../examples/iris/train.js';
import { predict } from '../../examples/learning/network.js';
import { readManifestFile } from '../../runtime/model/manifest-file.js';
import { inCheckout } from './checkout.js';
import { largestDifference, runClassifier } from './onnx-runs.js';

test('the same seed trains the same file, byte by byte', () => {
  assert.deepEqual(trainIris(IRIS_SEED).onnx, trainIris(IRIS_SEED).onnx);
  assert.notDeepEqual(trainIris(IRIS_SEED).onnx, trainIris(IRIS_SEED + 1).onnx);
});

test('ONNX Runtime gives the trained probabilities, and they are right for most flowers never trained on', async () => {
  const { network, held_out, metrics, onnx } = trainIris(IRIS_SEED);
  assert.equal(metrics.trained_flowers + metrics.held_out_flowers, 150);
  const ran = await runClassifier(onnx, held_out.features, held_out.width);
  assert.ok(largestDifference(ran, predict(network, held_out.features)) < 1e-5);
  assert.ok(metrics.accuracy >= 0.9, `accuracy ${metrics.accuracy}`);
});

test('the accuracy is no luck of one split: the mean over ten splits is above 92 %', () => {
  const accuracies = Array.from({ length: 10 }, (_, seed) => trainIris(seed + 100).metrics.accuracy);
  const mean = accuracies.reduce((sum, one) => sum + one, 0) / accuracies.length;
  assert.ok(mean > 0.92, `mean accuracy ${mean}`);
});

test('the manifest names the classes in the order of the training', async () => {
  const manifest = await readManifestFile(inCheckout('examples/iris/model.yaml'));
  assert.deepEqual(manifest.labels['probabilities'], IRIS_CLASSES);
});
