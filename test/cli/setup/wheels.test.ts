import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { pythonVersion } from '../../../cli/setup/python.js';
import { fetchLibraries, readWheelSet, type WheelSet } from '../../../cli/setup/wheels.js';
import { type Cleanup, temporaryFolder } from '../../harness/checkout.js';

const skip = (await pythonVersion('python3')) === undefined ? 'needs Python with pip' : false;

/** A wheel with one library in it, and pip told to look nowhere else. */
async function localWheel(t: Cleanup): Promise<{ set: WheelSet; folder: string }> {
  const folder = await temporaryFolder(t);
  const parts = join(folder, 'parts');
  const info = join(parts, 'tidal_sample-1.0.dist-info');
  await mkdir(join(parts, 'tidal', 'lib'), { recursive: true });
  await mkdir(info);
  await writeFile(join(parts, 'tidal', 'lib', 'libtidal.so.1'), 'machine code');
  await writeFile(join(info, 'METADATA'), 'Metadata-Version: 2.1\nName: tidal-sample\nVersion: 1.0\n');
  await writeFile(
    join(info, 'WHEEL'),
    'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  );
  await writeFile(join(info, 'RECORD'), '');
  const wheel = join(folder, 'tidal_sample-1.0-py3-none-any.whl');
  await promisify(execFile)('python3', ['-m', 'zipfile', '-c', wheel, join(parts, 'tidal'), info]);
  const bytes = await readFile(wheel);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  process.env['PIP_NO_INDEX'] = '1';
  process.env['PIP_FIND_LINKS'] = folder;
  const libraries = ['tidal/lib/libtidal.so.1'];
  const wheels = [{ project: 'tidal-sample', version: '1.0', sha256, bytes: bytes.length, libraries, folders: [] }];
  return { set: { about: '', python: '3.12', platforms: ['manylinux2014_x86_64'], wheels }, folder };
}

test('libraries are taken out of wheels of known hashes, and a second run fetches nothing', { skip }, async (t) => {
  const { set, folder } = await localWheel(t);
  const lib = join(folder, 'lib');
  const said: string[] = [];
  const options = { set, python: 'python3', folder: lib, say: (line: string) => said.push(line) };
  await fetchLibraries(options);
  assert.equal(await readFile(join(lib, 'libtidal.so.1'), 'utf8'), 'machine code');
  assert.deepEqual(
    (await readdir(lib)).filter((name) => !name.startsWith('.')),
    ['libtidal.so.1'],
  );
  assert.match(said.join('\n'), /1 packages, 0\.0 MB to download\n1\/1 tidal-sample 1\.0 \(0\.0 MB\)$/);
  await fetchLibraries(options);
  assert.match(said.at(-1) ?? '', /here already/);
});

test('a wheel of another hash is refused, and nothing of it is kept', { skip }, async (t) => {
  const { set, folder } = await localWheel(t);
  const wheels = set.wheels.map((wheel) => ({ ...wheel, sha256: '0'.repeat(64) }));
  const lib = join(folder, 'lib');
  const options = { set: { ...set, wheels }, python: 'python3', folder: lib, say: () => undefined };
  await assert.rejects(fetchLibraries(options), /tidal-sample could not be fetched:.*do not match/is);
  assert.deepEqual(await readdir(lib), []);
});

test("CUDA's wheels are pinned: a version and a hash each, and each library comes from one of them", () => {
  const { wheels } = readWheelSet('cuda');
  const libraries = wheels.flatMap((wheel) => wheel.libraries);
  assert.equal(new Set(libraries).size, libraries.length);
  assert.ok(libraries.some((path) => path.endsWith('libonnxruntime_providers_cuda.so')));
});
