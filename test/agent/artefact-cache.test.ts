import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Artifacts, digestOf } from '../../bus/artifacts.js';
import { manifestBytes, signatureName } from '../../contract/artifact.js';
import { ArtefactCache } from '../../runtime/agent/artefact-cache.js';
import { SignatureCheck } from '../../runtime/agent/signature-check.js';
import { type Cleanup, temporaryFolder } from '../harness/checkout.js';
import { startNatsProcess } from '../harness/nats-process.js';

const never = new AbortController().signal;
const MODEL = Buffer.from('the bytes of a model');
const NOTES = Buffer.from('what was written of it');

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function stored(t: Cleanup) {
  const nats = await startNatsProcess(t);
  const bus = await nats.connect(t);
  const artifacts = new Artifacts(bus);
  const files = [
    { path: 'model.onnx', size: MODEL.length, digest: digestOf(MODEL) },
    { path: 'docs/notes.txt', size: NOTES.length, digest: digestOf(NOTES) },
  ];
  const manifest = manifestBytes(files);
  for (const bytes of [MODEL, NOTES, manifest]) await artifacts.put(digestOf(bytes), once(bytes));
  const version = { model: 'm', version: 1, digest: digestOf(manifest) };
  const folder = await temporaryFolder(t, 'artefacts');
  return { bus, artifacts, manifest, version, folder };
}

test('a version lies on the disk as it was pushed, is checked, and needs nobody the second time', async (t) => {
  const { bus, version, folder } = await stored(t);
  const cache = new ArtefactCache(folder, new SignatureCheck([]));
  await assert.rejects(cache.fetch(version, never), /is not on this node, and NATS, which has it, is away/);
  cache.connected(bus);
  await cache.fetch(version, never);
  await cache.verify(version, never);
  assert.deepEqual(await readFile(join(cache.locate(version), 'model.onnx')), MODEL);
  assert.deepEqual(await readFile(join(cache.locate(version), 'docs', 'notes.txt')), NOTES);
  const alone = new ArtefactCache(folder, new SignatureCheck([]));
  await alone.fetch(version, never);
  await alone.verify(version, never);
});

test('a file that was changed on the disk is found before it is loaded, and fetched anew', async (t) => {
  const { bus, version, folder } = await stored(t);
  const cache = new ArtefactCache(folder, new SignatureCheck([]));
  cache.connected(bus);
  await cache.fetch(version, never);
  const path = join(cache.locate(version), 'model.onnx');
  await writeFile(path, Buffer.from('the bytes of a modeL'));
  await assert.rejects(cache.verify(version, never), /are damaged/);
  await cache.fetch(version, never);
  await cache.verify(version, never);
  assert.deepEqual(await readFile(path), MODEL);
});

test('what a fetch that was cut off left behind is never taken for whole', async (t) => {
  const { bus, version, folder } = await stored(t);
  const cache = new ArtefactCache(folder, new SignatureCheck([]));
  cache.connected(bus);
  const files = cache.locate(version);
  await mkdir(files, { recursive: true });
  await writeFile(join(files, 'model.onnx.part'), MODEL.subarray(0, 5));
  await cache.fetch(version, never);
  await cache.verify(version, never);
  assert.deepEqual((await readdir(files)).sort(), ['docs', 'model.onnx']);
  const stopped = AbortSignal.abort(new Error('nobody wants it any more'));
  const other = new ArtefactCache(await temporaryFolder(t, 'other'), new SignatureCheck([]));
  other.connected(bus);
  await assert.rejects(other.fetch(version, stopped), /nobody wants it any more/);
});

test('with keys only what one of them signed is loaded', async (t) => {
  const { bus, artifacts, manifest, version, folder } = await stored(t);
  const [trusted, stranger] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
  const open = async (name: string): Promise<ArtefactCache> => {
    const cache = new ArtefactCache(join(folder, name), new SignatureCheck([trusted.publicKey]));
    cache.connected(bus);
    await cache.fetch(version, never);
    return cache;
  };
  await assert.rejects((await open('unsigned')).verify(version, never), /is not signed/);
  await artifacts.putNamed(signatureName(version.digest), sign(null, manifest, stranger.privateKey));
  await assert.rejects((await open('stranger')).verify(version, never), /is signed by nobody whom this node knows/);
  await artifacts.putNamed(signatureName(version.digest), sign(null, manifest, trusted.privateKey));
  await (await open('trusted')).verify(version, never);
});
