import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { FoundDevice } from '../../runtime/model/device.js';
import { lookAround, probeOnCpu } from '../../runtime/worker/backend/probe.js';
import { pythonVersion } from '../setup/python.js';
import { readWheelSet } from '../setup/wheels.js';

/** One part of what this machine may have. */
export interface Finding {
  readonly part: string;
  readonly state: 'works' | 'missing' | 'broken';
  readonly found: string;
  /** What to do about it; '' where nothing is to be done. */
  readonly remedy: string;
}

export interface Examination {
  readonly backends_dir: string;
  readonly python: string;
}

const OLDEST_NODE = 20;

export interface Examined {
  readonly findings: readonly Finding[];
  readonly devices: readonly FoundDevice[];
}

export async function examine({ backends_dir, python }: Examination): Promise<Examined> {
  const devices = await lookAround(backends_dir);
  const findings = [
    nodeFinding(process.versions.node),
    await onnxFinding(),
    ...devices.map(deviceFinding),
    await cudaLibraries(backends_dir),
    await pythonFinding(python),
  ];
  return { findings, devices };
}

export function nodeFinding(version: string): Finding {
  const recent = Number(version.split('.')[0]) >= OLDEST_NODE;
  const remedy = recent ? '' : `install Node.js ${OLDEST_NODE} or newer`;
  return { part: 'Node.js', state: recent ? 'works' : 'broken', found: version, remedy };
}

async function onnxFinding(): Promise<Finding> {
  const part = 'ONNX Runtime';
  const timed = await probeOnCpu();
  if ('failure' in timed) return { part, state: 'broken', found: timed.failure, remedy: 'install again: npm ci' };
  return { part, state: 'works', found: `on the CPU, the probe took ${timed.best_ms.toFixed(1)} ms`, remedy: '' };
}

export function deviceFinding({ kind, works, reason }: FoundDevice): Finding {
  return {
    part: TENSORFLOW_PARTS.get(kind) ?? `device ${kind}`,
    state: works ? 'works' : 'missing',
    found: reason,
    remedy: remedyFor(kind, works, reason),
  };
}

const TENSORFLOW_PARTS: ReadonlyMap<string, string> = new Map([
  ['tensorflow', 'TensorFlow'],
  ['tensorflow-gpu', 'TensorFlow with CUDA'],
]);

function remedyFor(kind: string, works: boolean, reason: string): string {
  if (works) return '';
  if (/libcuda\.so|no NVIDIA driver|no CUDA-capable device|driver version is insufficient/.test(reason))
    return "install NVIDIA's driver, 580 or newer; in a container, start it with the GPU";
  const [, command] = /not installed: (tidegate setup [\w -]+)/.exec(reason) ?? [];
  if (command !== undefined) return command;
  if (kind === 'webgpu') return 'install a graphics driver with Vulkan, and libvulkan1';
  return '';
}

const LaidOutSchema = z.object({
  wheels: z.array(z.object({ project: z.string(), version: z.string(), sha256: z.string() })),
  libraries: z.array(z.string()),
});

/** Whether what `tidegate setup cuda` made is whole, and of this version of Tidegate. */
export async function cudaLibraries(backends_dir: string): Promise<Finding> {
  const part = "CUDA's libraries";
  const home = join(backends_dir, 'cuda');
  const remedy = 'tidegate setup cuda';
  if (!existsSync(home)) return { part, state: 'missing', found: `nothing in ${home}`, remedy };
  try {
    const laidOut = LaidOutSchema.parse(JSON.parse(await readFile(join(home, 'laid-out.json'), 'utf8')));
    const gone = laidOut.libraries.filter((name) => !existsSync(join(home, 'lib', name)));
    if (gone.length > 0) return { part, state: 'broken', found: `without ${gone.join(', ')}`, remedy };
    const has = new Set(laidOut.wheels.map(({ sha256 }) => sha256));
    const other = readWheelSet('cuda').wheels.filter(({ sha256 }) => !has.has(sha256));
    if (other.length > 0)
      return {
        part,
        state: 'broken',
        found: `of another version: ${other.map(({ project }) => project).join(', ')}`,
        remedy,
      };
    return { part, state: 'works', found: `${laidOut.libraries.length} in ${home}`, remedy: '' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { part, state: 'broken', found: `${home} is not whole: ${reason}`, remedy };
  }
}

async function pythonFinding(python: string): Promise<Finding> {
  const part = 'Python with pip';
  const version = await pythonVersion(python);
  if (version !== undefined) return { part, state: 'works', found: version, remedy: '' };
  const remedy =
    'needed by tidegate setup, convert and optimize alone: on Debian, apt-get install python3-pip python3-venv';
  return { part, state: 'missing', found: `'${python} -m pip' does not run`, remedy };
}
