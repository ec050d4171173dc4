import { TidegateError } from '../../contract/error.js';
import type { Manifest } from '../../contract/manifest.js';
import type { ModelSignature, TensorSpec } from '../../contract/signature.js';
import { type ArtefactFormat, formatOf } from './artefact.js';
import { decideBatching } from './batching.js';
import { decideDevice, type FoundDevice } from './device.js';
import { checkAgainstSignature } from './manifest-check.js';
import { readModelFile } from './model-file.js';
import type { FoundVersion } from './scan.js';
import type { ServedVersion } from './served-version.js';
import { chooseThreads } from './session-threads.js';
import { checkConfigTensors } from './triton-config.js';

/** Up to this many bytes every worker holds a copy; above it one does, unless the manifest says how many. */
const SHARED_BY_ALL_BYTES = 256 * 1024 * 1024;

export interface VersionSource {
  readonly model: string;
  readonly found: FoundVersion;
  readonly manifest: Manifest;
  readonly config: Readonly<Record<string, unknown>> | undefined;
  readonly workers: number;
  /** What this node found out about its devices; absent: it has not looked. */
  readonly devices?: readonly FoundDevice[];
}

/** Everything about a version that its files tell, without loading it. Throws a TidegateError that says what is wrong with them. */
export function describeVersion(
  handle: number,
  { model, found, manifest, config, workers, devices = [] }: VersionSource,
): ServedVersion {
  checkPlatform(manifest, found.artefact);
  const tensors = [...Object.entries(manifest.inputs), ...Object.entries(manifest.outputs)];
  const shapes = new Map(tensors.flatMap(([name, { shape }]) => (shape === undefined ? [] : [[name, shape] as const])));
  const file = readModelFile(found.artefact, shapes, manifest.signature);
  checkAgainstSignature(manifest, file.signature);
  if (config !== undefined) checkConfigTensors(config, file.signature);
  const signature = narrowed(file.signature, shapes);
  const { bytes } = file;
  const format = formatOf(found.artefact);
  const choice = decideDevice(manifest.device, { format, bytes }, devices);
  const instances = Math.min(
    wantedInstances(manifest, choice.device, format) ?? (bytes <= SHARED_BY_ALL_BYTES ? workers : 1),
    workers,
  );
  return {
    handle,
    model,
    version: found.version,
    artefact: found.artefact,
    signature,
    batching: decideBatching(signature, manifest),
    manifest,
    instances,
    threads: chooseThreads({ wanted: manifest.threads, workers, instances, bytes, device: choice.device }),
    device: choice.device,
    device_reason: choice.reason,
    device_home: choice.home,
    may_fall_back: choice.may_fall_back,
    memory_bytes: bytes * instances,
    ...(config === undefined ? {} : { config }),
  };
}

/** undefined: nobody says. Each instance on a GPU is a process of its own, and they would wait for the same device. */
function wantedInstances({ instances }: Manifest, device: string, format: ArtefactFormat): number | undefined {
  if (device !== 'cpu') return 1;
  // Each has TensorFlow in a process of its own, with 300 MB before the first weight.
  return instances ?? (format === 'saved-model' ? 1 : undefined);
}

function checkPlatform({ platform }: Manifest, artefact: string): void {
  const format = formatOf(artefact);
  if (platform === undefined || platform === format) return;
  throw new TidegateError(
    'INVALID_CONFIG',
    `the manifest says platform ${platform}, and ${artefact} is of the kind ${format}: leave platform out, or put the right file there`,
  );
}

/** Where the file leaves a dimension open and the manifest does not, the manifest holds: other sizes are refused at admission. */
function narrowed(signature: ModelSignature, shapes: ReadonlyMap<string, readonly number[]>): ModelSignature {
  const narrow = (spec: TensorSpec): TensorSpec => {
    const said = shapes.get(spec.name);
    return said === undefined ? spec : { ...spec, shape: spec.shape.map((dim, axis) => (dim < 0 ? said[axis] : dim)) };
  };
  return { inputs: signature.inputs.map(narrow), outputs: signature.outputs.map(narrow) };
}
