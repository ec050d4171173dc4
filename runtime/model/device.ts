import { TidegateError } from '../../contract/error.js';
import type { ArtefactFormat } from './artefact.js';

/** What a version runs on, and the sentence for people why. */
export interface DeviceChoice {
  /** `cpu`, `webgpu`, `cuda[:n]` or `tensorrt[:n]`. */
  readonly device: string;
  readonly reason: string;
  /** Where the libraries of the device lie; '' where none are needed. */
  readonly home: string;
  /** Whether the CPU is taken where the model turns out not to run on the device: only where nobody asked for it by name. */
  readonly may_fall_back: boolean;
}

export type GpuKind = 'webgpu' | 'cuda' | 'tensorrt';
export const GPU_KINDS: readonly GpuKind[] = ['tensorrt', 'cuda', 'webgpu'];
type DeviceKind = 'auto' | 'cpu' | GpuKind;

interface WantedDevice {
  readonly kind: DeviceKind;
  readonly ordinal: number;
}

/** What a node found out when it started about one kind of device, or about TensorFlow's own runtime. */
export interface FoundDevice {
  readonly kind: GpuKind | 'tensorflow' | 'tensorflow-gpu';
  /** A session ran there and computed the right values. */
  readonly works: boolean;
  /** Why not, or what was measured. */
  readonly reason: string;
  /** How many times as fast as the CPU the probe's network ran. */
  readonly speedup: number;
  readonly home: string;
}

export interface FoundGpu extends FoundDevice {
  readonly kind: GpuKind;
}

/** What there is to know of a version for the choice of its device. */
export interface DeviceSubject {
  readonly format: ArtefactFormat;
  readonly bytes: number;
}

const WRITTEN = /^(auto|cpu)$|^(webgpu|cuda|tensorrt)(?::(0|[1-9]\d{0,2}))?$/;

/** The way to a GPU and back takes longer than a model of this size takes on the CPU. */
export const SMALL_MODEL_BYTES = 1024 * 1024;

/** A device that is hardly faster on a network made for it loses on any other. */
const LEAST_SPEEDUP = 2;

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
export function decideDevice(text: string, subject: DeviceSubject, found: readonly FoundDevice[]): DeviceChoice {
  const { kind, ordinal } = parseDevice(text);
  if (subject.format === 'saved-model') return forSavedModel(text, found);
  if (kind === 'cpu') return onCpu('device is cpu in the manifest');
  if (kind === 'auto') return automatic(subject, found);
  const reason = `device is ${text} in the manifest`;
  if (subject.format !== 'onnx') throw unavailable(text, `models of the kind ${subject.format} run on the CPU alone`);
  if (kind === 'webgpu') {
    if (ordinal > 0) throw unavailable(text, 'WebGPU has no way to name another adapter than the first');
    return { device: 'webgpu', reason, home: '', may_fall_back: false };
  }
  const known = found.find((each) => each.kind === kind);
  if (known?.works !== true) throw unavailable(text, known?.reason ?? 'this node has not looked for one');
  return { device: ordinal === 0 ? kind : `${kind}:${ordinal}`, reason, home: known.home, may_fall_back: false };
}

function forSavedModel(text: string, found: readonly FoundDevice[]): DeviceChoice {
  const { kind, ordinal } = parseDevice(text);
  if (kind === 'cuda') {
    const known = found.find((each) => each.kind === 'tensorflow-gpu');
    if (known?.works !== true)
      throw unavailable(text, known?.reason ?? 'this node has not looked for TensorFlow with CUDA');
    const device = ordinal === 0 ? kind : `${kind}:${ordinal}`;
    return { device, reason: `device is ${text} in the manifest`, home: known.home, may_fall_back: false };
  }
  if (kind !== 'cpu' && kind !== 'auto') throw unavailable(text, 'SavedModels run on cpu and cuda alone');
  const tensorflow = found.find((each) => each.kind === 'tensorflow');
  if (tensorflow?.works === true) return { ...onCpu(`device is ${text} in the manifest`), home: tensorflow.home };
  const reason = tensorflow?.reason ?? 'this node has not looked for it: tidegate setup tensorflow';
  throw new TidegateError(
    'UNSUPPORTED',
    `a SavedModel needs TensorFlow's runtime, and ${reason}, or convert the model with tidegate convert`,
  );
}

function automatic({ format, bytes }: DeviceSubject, found: readonly FoundDevice[]): DeviceChoice {
  const gpus = GPU_KINDS.flatMap((kind) => found.filter((each) => each.kind === kind));
  const best = gpus.find(({ works, speedup }) => works && speedup >= LEAST_SPEEDUP);
  if (best === undefined) {
    const reasons = gpus.map(({ kind, reason }) => `${kind}: ${reason}`).join('; ');
    return onCpu(`device is auto, and no GPU was found that is worth it${reasons === '' ? '' : ` (${reasons})`}`);
  }
  if (format !== 'onnx') return onCpu(`device is auto, and models of the kind ${format} run on the CPU alone`);
  if (bytes < SMALL_MODEL_BYTES)
    return onCpu(`device is auto, and a model of ${bytes} bytes runs sooner on the CPU than ${best.kind} is reached`);
  return {
    device: best.kind,
    reason: `device is auto; ${best.kind}: ${best.reason}`,
    home: best.home,
    may_fall_back: true,
  };
}

function onCpu(reason: string): DeviceChoice {
  return { device: 'cpu', reason, home: '', may_fall_back: false };
}

function unavailable(text: string, reason: string): TidegateError {
  return new TidegateError(
    'UNSUPPORTED',
    `device '${text}' is not available here: ${reason}. Set device to cpu or auto in model.yaml, or see tidegate doctor for what is missing`,
  );
}
