import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FORMAT_NAMES, formatOf } from '../../runtime/model/artefact.js';
import { readModelFile } from '../../runtime/model/model-file.js';
import { scanModel } from '../../runtime/model/scan.js';
import { temporaryFolder } from './fixture-folder.js';

const NONE: ReadonlyMap<string, readonly number[]> = new Map();

async function artefactOf(folder: string, files: readonly string[]): Promise<string> {
  const version = join(folder, 'm', '1');
  await mkdir(version, { recursive: true });
  for (const file of files) await writeFile(join(version, file), 'x');
  const artefact = (await scanModel(folder, 'm'))?.versions.get(1)?.artefact;
  assert.ok(artefact !== undefined);
  return artefact;
}

const CHOICES = [
  [['labels.txt', 'model.onnx'], 'onnx', 'onnxruntime_onnx'],
  [['group1-shard1of1.bin', 'model.json'], 'tensorflowjs', 'tensorflow_js'],
  [['fingerprint.pb', 'saved_model.pb'], 'saved-model', 'tensorflow_savedmodel'],
  [['model.json', 'model.onnx'], 'onnx', 'onnxruntime_onnx'],
  [['labels.txt'], 'onnx', 'onnxruntime_onnx'],
] as const;

for (const [files, format, platform] of CHOICES) {
  test(`a version of ${files.join(' and ')} is of the kind ${format}`, async (t) => {
    const artefact = await artefactOf(await temporaryFolder(t), files);
    assert.equal(formatOf(artefact), format);
    assert.equal(FORMAT_NAMES[formatOf(artefact)].platform, platform);
  });
}

test('files that are no model of a known kind are named, with the names that would be one', async (t) => {
  const artefact = await artefactOf(await temporaryFolder(t), ['model.h5', 'labels.txt']);
  assert.throws(
    () => readModelFile(artefact, NONE),
    /holds labels\.txt, model\.h5, and no model of a known kind: a version is model\.onnx, model\.json, saved_model\.pb/,
  );
});

test('an empty SavedModel is refused as one that is not whole', async (t) => {
  const artefact = await artefactOf(await temporaryFolder(t), ['saved_model.pb']);
  assert.throws(() => readModelFile(artefact, NONE), /saved_model\.pb (holds no graph|is not a whole SavedModel)/);
});
