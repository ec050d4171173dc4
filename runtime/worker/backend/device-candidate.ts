import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { FoundDevice, GpuKind } from '../../model/device.js';
import { TENSORFLOW_BINDING } from './tensorflow-binding.js';

/** What decides whether a device is worth a probe. */
export interface MachineFacts {
  readonly platform: string;
  readonly architecture: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  exists(path: string): boolean;
  /** Take it that there is a driver, wherever it may be. */
  readonly has_driver?: boolean;
}

export interface DeviceCandidate {
  readonly kind: GpuKind;
  readonly home: string;
  /** Why there is nothing to probe; '': there may be. */
  readonly missing: string;
}

/** Of a folder that `tidegate setup cuda` made: where ONNX Runtime's library and its providers lie. */
export const PROVIDER_FOLDER = join('node_modules', 'onnxruntime-node', 'bin', 'napi-v6', 'linux', 'x64');

const NVIDIA_DEVICES = ['/dev/nvidia0', '/dev/nvidiactl', '/dev/dxg'];
/** Its wheels are 3 GB more, under a licence of their own: whoever wants it brings it. */
const TENSORRT_LIBRARY = 'libnvinfer.so.10';
const ANY_DEVICES = ['/dev/dri', ...NVIDIA_DEVICES, '/dev/mali0', '/dev/kgsl-3d0'];
/** Name a Vulkan driver, such as one in software. */
const DRIVER_VARIABLES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'];

export function machineFacts(): MachineFacts {
  const { platform, arch: architecture, env: environment } = process;
  return { platform, architecture, environment, exists: existsSync };
}

/** A look at files alone: a process that only finds out that there is no driver would be a waste at every start. */
export function deviceCandidate(kind: GpuKind, backends_dir: string, facts: MachineFacts): DeviceCandidate {
  if (kind === 'webgpu') return { kind, home: '', missing: missingForWebgpu(facts) };
  const home = join(backends_dir, 'cuda');
  return { kind, home, missing: missingForCuda(kind, home, facts) };
}

/** TensorFlow's own runtime is there or not: no session is needed to see it. */
export function tensorflowFinding(
  backends_dir: string,
  { exists }: Pick<MachineFacts, 'exists'>,
  kind: 'tensorflow' | 'tensorflow-gpu' = 'tensorflow',
): FoundDevice {
  const home = join(backends_dir, kind);
  const command = kind === 'tensorflow' ? 'tidegate setup tensorflow' : 'tidegate setup tensorflow --gpu';
  const works = exists(join(home, 'laid-out.json')) && exists(join(home, TENSORFLOW_BINDING));
  const reason = works ? `laid out in ${home}` : `it is not installed: ${command}`;
  return { kind, works, reason, speedup: 0, home };
}

function missingForWebgpu({ platform, environment, exists, has_driver }: MachineFacts): string {
  if (platform === 'win32' || platform === 'darwin' || has_driver === true) return '';
  if (DRIVER_VARIABLES.some((name) => (environment[name] ?? '') !== '') || ANY_DEVICES.some(exists)) return '';
  return 'this machine has no graphics device (no /dev/dri, /dev/nvidia0 or /dev/dxg)';
}

function missingForCuda(kind: GpuKind, home: string, facts: MachineFacts): string {
  const { platform, architecture, exists, has_driver } = facts;
  if (platform !== 'linux' || architecture !== 'x64')
    return `its libraries are for Linux on x64, this is ${platform} on ${architecture}`;
  if (has_driver !== true && !NVIDIA_DEVICES.some(exists))
    return 'this machine has no NVIDIA driver (no /dev/nvidia0, /dev/nvidiactl or /dev/dxg)';
  if (!exists(join(home, PROVIDER_FOLDER, `libonnxruntime_providers_${kind}.so`)))
    return 'its libraries are not installed: tidegate setup cuda';
  if (kind === 'tensorrt' && !exists(join(home, 'lib', TENSORRT_LIBRARY)))
    return `NVIDIA's ${TENSORRT_LIBRARY} is not in ${join(home, 'lib')}: put TensorRT's libraries there`;
  return '';
}
