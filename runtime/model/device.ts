import { TidegateError } from '../../contract/error.js';
import type { ArtefactFormat } from './artefact.js';

/** What a version runs on, and the sentence for people why. */
export interface DeviceChoice {
  readonly device: string;
  readonly reason: string;
}

type DeviceKind = 'auto' | 'cpu' | 'webgpu' | 'cuda' | 'tensorrt';

interface WantedDevice {
  readonly kind: DeviceKind;
  readonly ordinal: number;
}

const WRITTEN = /^(auto|cpu)$|^(webgpu|cuda|tensorrt)(?::(0|[1-9]\d{0,2}))?$/;

const isKind = (text: string): text is DeviceKind => ['auto', 'cpu', 'webgpu', 'cuda', 'tensorrt'].includes(text);

/** `auto`, `cpu`, `webgpu[:n]`, `cuda[:n]` or `tensorrt[:n]`. Throws INVALID_CONFIG for any other text. */
export function parseDevice(text: string): WantedDevice {
  const match = WRITTEN.exec(text);
  const kind = match?.[1] ?? match?.[2] ?? '';
  if (!isKind(kind)) {
    throw new TidegateError(
      'INVALID_CONFIG',
      `device '${text}' is unknown: write auto, cpu, webgpu, cuda or tensorrt, the last three with ':n' for device n where there are several`,
    );
  }
  return { kind, ordinal: Number(match?.[3] ?? 0) };
}

/**
 * The device of a version. One that was asked for and cannot be had is UNSUPPORTED, never a silent CPU: whoever wrote it down has
 * counted on its speed.
 */
export function decideDevice(text: string, format: ArtefactFormat): DeviceChoice {
  const { kind, ordinal } = parseDevice(text);
  if (kind === 'cpu') return { device: 'cpu', reason: 'device is cpu in the manifest' };
  if (kind === 'auto') {
    return { device: 'cpu', reason: 'device is auto, which takes a GPU only where the manifest names it' };
  }

  if (kind === 'webgpu' && ordinal === 0 && format === 'onnx')
    return { device: 'webgpu', reason: `device is ${text} in the manifest` };
  throw new TidegateError(
    'UNSUPPORTED',
    `device '${text}' is not available in this build, which runs models of the kind ${format} on the CPU: set device to cpu or auto in model.yaml`,
  );
}
