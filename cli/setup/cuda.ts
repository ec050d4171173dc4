import { cp, link, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { PROVIDER_FOLDER } from '../../runtime/worker/backend/device-candidate.js';
import { probeDevices } from '../../runtime/worker/backend/probe.js';
import { CommandError, EXIT } from '../exit.js';
import { needPython } from './python.js';
import { fetchLibraries, readWheelSet, type WheelSet } from './wheels.js';

export interface CudaSetup {
  readonly backends_dir: string;
  readonly python: string;
  readonly say: (line: string) => void;
}

/**
 * Lays out a copy of onnxruntime-node with the CUDA provider beside its library, and CUDA's own libraries in a folder that a child
 * process is started with. node_modules stays as npm made it: the next `npm ci` would take out whatever was put there.
 */
export async function setupCuda({ backends_dir, python, say }: CudaSetup): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new CommandError(
      EXIT.REFUSED,
      `CUDA's libraries are laid out for Linux on x64, and this is ${process.platform} on ${process.arch}: device webgpu needs nothing besides the driver`,
    );
  await needPython(python, 'tidegate setup cuda');
  const set = readWheelSet('cuda');
  const home = join(backends_dir, 'cuda');
  const partial = `${home}.partial`;
  await fetchLibraries({ set, python, folder: join(partial, 'lib'), say });
  await placeRuntime(partial);
  await placeProviders(partial);
  await writeFile(join(partial, 'laid-out.json'), `${JSON.stringify(contentsOf(set), undefined, 2)}\n`);
  await rm(home, { recursive: true, force: true });
  await rename(partial, home);
  say(`laid out in ${home}`);
  say(await verdict(backends_dir));
}

export async function placeRuntime(folder: string): Promise<void> {
  const own = createRequire(import.meta.url);
  const runtime = dirname(own.resolve('onnxruntime-node/package.json'));
  const common = dirname(dirname(dirname(own.resolve('onnxruntime-common'))));
  const modules = join(folder, 'node_modules');
  await rm(modules, { recursive: true, force: true });
  await mkdir(join(folder, PROVIDER_FOLDER), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  for (const part of ['package.json', 'dist', 'bin/napi-v6/linux/x64'])
    await cp(join(runtime, part), join(modules, 'onnxruntime-node', part), { recursive: true });
  await cp(common, join(modules, 'onnxruntime-common'), { recursive: true });
}

/** ONNX Runtime looks for its providers beside its own library, and nowhere else. */
async function placeProviders(folder: string): Promise<void> {
  const lib = join(folder, 'lib');
  for (const name of (await readdir(lib)).filter((each) => each.startsWith('libonnxruntime_providers_')))
    await link(join(lib, name), join(folder, PROVIDER_FOLDER, name)).catch(() =>
      // A file system without hard links.
      symlink(join('..', '..', '..', '..', '..', '..', 'lib', name), join(folder, PROVIDER_FOLDER, name)),
    );
}

function contentsOf(set: WheelSet): object {
  return {
    wheels: set.wheels.map(({ project, version, sha256 }) => ({ project, version, sha256 })),
    libraries: set.wheels.flatMap(({ libraries }) => libraries.map((path) => basename(path))),
  };
}

async function verdict(backends_dir: string): Promise<string> {
  const found = await probeDevices({ backends_dir, kinds: ['cuda'], even_without_driver: true });
  const [cuda] = found;
  if (cuda.works) return `cuda works: ${cuda.reason}`;
  return `cuda does not work on this machine yet: ${cuda.reason}\nThe libraries stay where they are: install NVIDIA's driver (580 or newer, for CUDA 13), then see tidegate doctor`;
}
