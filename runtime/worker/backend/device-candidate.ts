import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { GpuKind } from '../../model/device.js';

/** What decides whether a device is worth a probe. */
export interface MachineFacts {
  readonly platform: string;
  readonly architecture: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  exists(path: string): boolean;
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

function missingForWebgpu({ platform, environment, exists }: MachineFacts): string {
  if (platform === 'win32' || platform === 'darwin') return '';
  if (DRIVER_VARIABLES.some((name) => (environment[name] ?? '') !== '') || ANY_DEVICES.some(exists)) return '';
  return 'this machine has no graphics device (no /dev/dri, /dev/nvidia0 or /dev/dxg)';
}

function missingForCuda(kind: GpuKind, home: string, { platform, architecture, exists }: MachineFacts): string {
  if (platform !== 'linux' || architecture !== 'x64')
    return `its libraries are for Linux on x64, this is ${platform} on ${architecture}`;
  if (!NVIDIA_DEVICES.some(exists))
    return 'this machine has no NVIDIA driver (no /dev/nvidia0, /dev/nvidiactl or /dev/dxg)';
  const provider = join(home, PROVIDER_FOLDER, `libonnxruntime_providers_${kind}.so`);
  if (exists(provider)) return '';
  return kind === 'cuda'
    ? 'its libraries are not installed: tidegate setup cuda'
    : 'its libraries are not installed: tidegate setup cuda --tensorrt';
}
