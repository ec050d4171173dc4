import { existsSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CommandError, EXIT } from '../exit.js';
import { needPython, runWell } from './python.js';
import { fetchLibraries, readWheelSet } from './wheels.js';

export interface TensorflowSetup {
  readonly backends_dir: string;
  readonly python: string;
  /** With CUDA, beside the one without: they want other libraries. */
  readonly gpu: boolean;
  readonly say: (line: string) => void;
}

/** What TensorFlow's makers publish for Node.js, and have not changed since 2024. */
const PACKAGE = '@tensorflow/tfjs-node';
const VERSION = '4.22.0';
/** The version of Node-API that its binding is built for; its name is in the path that the package looks at. */
const NAPI = 8;
const LIMIT_MS = 1_800_000;

/**
 * Builds tfjs-node against the libtensorflow of TensorFlow's Python wheel. Its own install script would download another one, from a
 * place that mirrors of npm do not carry, and is never run.
 */
export async function setupTensorflow({ backends_dir, python, gpu, say }: TensorflowSetup): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new CommandError(
      EXIT.REFUSED,
      `TensorFlow is built for Linux on x64, and this is ${process.platform} on ${process.arch}: convert the model, tidegate convert`,
    );
  await needPython(python, 'tidegate setup tensorflow');
  const name = gpu ? 'tensorflow-gpu' : 'tensorflow';
  const home = join(backends_dir, name);
  const partial = `${home}.partial`;
  const lib = join(partial, 'lib');
  await fetchLibraries({ set: readWheelSet(name), python, folder: lib, say });
  await placePackage(partial, say);
  await linkLibraries(partial);
  await buildBinding(partial, say);
  const onGpu = await tryOut(partial, lib);
  await rm(join(lib, 'include'), { recursive: true, force: true });
  await writeFile(join(partial, 'laid-out.json'), `${JSON.stringify({ package: PACKAGE, version: VERSION })}\n`);
  await rm(home, { recursive: true, force: true });
  await rename(partial, home);
  say(`laid out: ${PACKAGE} ${VERSION} in ${home}`);
  if (gpu) say(onGpu ? 'TensorFlow found a GPU' : NO_GPU);
  else say('SavedModels are served from now on');
}

async function placePackage(folder: string, say: (line: string) => void): Promise<void> {
  say(`${PACKAGE} ${VERSION}, through npm`);
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel', 'error'];
  await runWell('npm', ['install', `${PACKAGE}@${VERSION}`, ...quiet], { limit_ms: LIMIT_MS, cwd: folder });
}

function packageFolder(folder: string): string {
  return join(folder, 'node_modules', ...PACKAGE.split('/'));
}

async function linkLibraries(folder: string): Promise<void> {
  const deps = join(packageFolder(folder), 'deps');
  await rm(deps, { recursive: true, force: true });
  await mkdir(join(deps, 'lib'), { recursive: true });
  // By ways that stay right when the folder gets its own name.
  const up = join('..', '..', '..', '..', 'lib');
  await symlink(join(up, 'include'), join(deps, 'include'));
  for (const name of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'])
    await symlink(join('..', up, name), join(deps, 'lib', name));
  await symlink('libtensorflow_cc.so.2', join(deps, 'lib', 'libtensorflow.so'));
  await symlink('libtensorflow_framework.so.2', join(deps, 'lib', 'libtensorflow_framework.so'));
}

async function buildBinding(folder: string, say: (line: string) => void): Promise<void> {
  say('building its binding (a C++ compiler, make and Python are needed)');
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
  const defines = [`-Dnapi_build_version=${NAPI}`, '-Dmodule_name=tfjs_binding', `-Dmodule_path=./lib/napi-v${NAPI}`];
  const args = ['exec', '--yes', '--', 'node-gyp', 'rebuild', ...headers, '--', ...defines];
  await runWell('npm', args, { limit_ms: LIMIT_MS, cwd: packageFolder(folder), env: environment(join(folder, 'lib')) });
}

const NO_GPU =
  "TensorFlow finds no GPU on this machine: install NVIDIA's driver, or start the container with the GPU. Until then SavedModels with device: cuda are refused";

/** A sum by TensorFlow's own kernels. Returns whether there is a GPU for them. */
async function tryOut(folder: string, lib: string): Promise<boolean> {
  const script =
    "const tf = require('@tensorflow/tfjs-node'); if (tf.tensor([1, 2, 3]).sum().dataSync()[0] !== 6) process.exit(1); console.log(tf.backend().isUsingGpuDevice);";
  const printed = await runWell(process.execPath, ['-e', script], {
    limit_ms: 120_000,
    cwd: folder,
    env: environment(lib),
  });
  return printed.includes('true');
}

function environment(lib: string): NodeJS.ProcessEnv {
  return { ...process.env, LD_LIBRARY_PATH: lib, TF_CPP_MIN_LOG_LEVEL: '2' };
}
