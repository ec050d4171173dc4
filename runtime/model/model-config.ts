import { basename } from 'node:path';
import type { TensorSpec } from '../../contract/signature.js';
import { FORMAT_NAMES, formatOf } from './artefact.js';
import type { RunningDevice, ServedVersion } from './served-version.js';
import { tritonType } from './triton-config.js';

export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** `GET v2/models/{m}`. */
export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
  /** Beyond the protocol: what runs it here. */
  readonly parameters?: RunningDevice;
}

/** `versions`: those that answer, or the one that was asked for. Inputs that callers must not send are left out. */
export function modelMetadata(
  version: ServedVersion,
  versions: readonly number[],
  device?: RunningDevice,
): ModelMetadata {
  const tensor = ({ name, datatype, shape }: TensorSpec): TensorMetadata => ({ name, datatype, shape });
  return {
    name: version.model,
    versions: versions.map(String),
    platform: FORMAT_NAMES[formatOf(version.artefact)].platform,
    inputs: callersInputs(version).map(tensor),
    outputs: callersOutputs(version).map(tensor),
    ...(device === undefined ? {} : { parameters: device }),
  };
}

/** The inputs that callers give: all but states and constants. */
function callersInputs({ signature, manifest }: ServedVersion): TensorSpec[] {
  const states = new Set(manifest.state.map((pair) => pair.input));
  return signature.inputs.filter(({ name }) => !states.has(name) && !Object.hasOwn(manifest.constants, name));
}

function callersOutputs({ signature, manifest }: ServedVersion): TensorSpec[] {
  const states = new Set(manifest.state.map((pair) => pair.output));
  return signature.outputs.filter(({ name }) => !states.has(name));
}

/**
 * `GET v2/models/{m}/config`: Triton's model configuration of a version
 * (https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto). What an override said stands as it
 * was sent, with what it left out filled in. With `max_batch_size` above 0 the dims are without the batch.
 */
export function modelConfig(version: ServedVersion): Record<string, unknown> {
  const { batching, model, instances } = version;
  const batched = batching.max_batch > 0;
  const derived = {
    name: model,
    ...FORMAT_NAMES[formatOf(version.artefact)],
    runtime: '',
    version_policy: versionPolicy(version),
    max_batch_size: batching.max_batch,
    input: callersInputs(version).map((spec) => inputConfig(spec, batched)),
    output: callersOutputs(version).map((spec) => outputConfig(spec, batched)),
    batch_input: [],
    batch_output: [],
    optimization: {
      priority: 'PRIORITY_DEFAULT',
      input_pinned_memory: { enable: false },
      output_pinned_memory: { enable: false },
      gather_kernel_buffer_threshold: 0,
      eager_batching: false,
    },
    ...scheduling(version),
    instance_group: [instanceGroup(model, instances)],
    default_model_filename: formatOf(version.artefact) === 'onnx' ? 'model.onnx' : basename(version.artefact),
    cc_model_filenames: {},
    metric_tags: {},
    parameters: {},
    model_warmup: [],
  };
  if (version.config === undefined) return derived;
  // Tensors are as the model file has them, and the model is called as it is: an override that differs was refused.
  const { name, max_batch_size, input, output } = derived;
  return { ...derived, ...version.config, name, max_batch_size, input, output };
}

function inputConfig({ name, datatype, shape }: TensorSpec, batched: boolean): Record<string, unknown> {
  return {
    name,
    data_type: tritonType(datatype),
    format: 'FORMAT_NONE',
    dims: batched ? shape.slice(1) : shape,
    is_shape_tensor: false,
    allow_ragged_batch: false,
    optional: false,
    is_non_linear_format_io: false,
  };
}

function outputConfig({ name, datatype, shape }: TensorSpec, batched: boolean): Record<string, unknown> {
  return {
    name,
    data_type: tritonType(datatype),
    dims: batched ? shape.slice(1) : shape,
    label_filename: '',
    is_shape_tensor: false,
    is_non_linear_format_io: false,
  };
}

function versionPolicy({ manifest: { versions } }: ServedVersion): Record<string, unknown> {
  if ('all' in versions) return { all: {} };
  if ('specific' in versions) return { specific: { versions: versions.specific } };
  return { latest: { num_versions: versions.latest } };
}

function instanceGroup(model: string, count: number): Record<string, unknown> {
  return {
    name: `${model}_0`,
    kind: 'KIND_CPU',
    count,
    gpus: [],
    secondary_devices: [],
    profile: [],
    passive: false,
    host_policy: '',
  };
}

/** A model with state batches by sequence, others by whatever waits; an unbatched one does neither. */
function scheduling({ manifest, batching }: ServedVersion): Record<string, unknown> {
  if (manifest.state.length > 0) {
    const state = manifest.state.map(({ input, output }) => ({ input_name: input, output_name: output }));
    return { sequence_batching: { state } };
  }
  if (batching.max_batch === 0) return {};
  return {
    dynamic_batching: {
      preferred_batch_size: [batching.max_batch],
      max_queue_delay_microseconds: Math.round(manifest.max_delay_ms * 1000),
      preserve_ordering: false,
      priority_levels: manifest.priority_levels,
      default_priority_level: manifest.default_priority,
      priority_queue_policy: {},
    },
  };
}
