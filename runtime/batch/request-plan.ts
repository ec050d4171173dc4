import { DATATYPE_BYTES, type Datatype } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { StatePair } from '../../contract/manifest.js';
import type { Batching, TensorSpec } from '../../contract/signature.js';
import { formatOf } from '../model/artefact.js';
import { stateBatchAxis } from '../model/batching.js';
import type { ServedVersion } from '../model/served-version.js';
import type { LoadOrder, WorkerConstant, WorkerState, WorkerTensor } from '../worker/messages.js';

/** One input that callers give. */
export interface PlannedInput {
  readonly name: string;
  readonly datatype: Datatype;
  /** Bytes of one element; 0 for BYTES. */
  readonly width: number;
  readonly shape: readonly number[];
  /** Whether a dimension other than the batch is variable. */
  readonly variable: boolean;
}

/** What admission and the batch need to know of a version, worked out once when it is announced. */
export interface RequestPlan {
  readonly inputs: readonly PlannedInput[];
  readonly index: ReadonlyMap<string, number>;
  readonly outputs: readonly TensorSpec[];
  readonly outputNames: ReadonlySet<string>;
  /** 0: not batched. */
  readonly max_batch: number;
  readonly variable: boolean;
  readonly stateful: boolean;
  /** Bytes of one block of state: every state tensor at a multiple of 8. */
  readonly state_bytes: number;
  readonly order: LoadOrder;
}

export function planRequests(version: ServedVersion): RequestPlan {
  const { signature, manifest, batching } = version;
  const stateInputs = new Set(manifest.state.map((pair) => pair.input));
  const stateOutputs = new Set(manifest.state.map((pair) => pair.output));
  const given = signature.inputs.filter(
    (spec) => !stateInputs.has(spec.name) && !Object.hasOwn(manifest.constants, spec.name),
  );
  const inputs = given.map((spec) => plannedInput(spec, batching));
  const outputs = signature.outputs.filter((spec) => !stateOutputs.has(spec.name));
  const states = manifest.state.map((pair) => workerState(version, pair));
  return {
    inputs,
    index: new Map(inputs.map((input, index) => [input.name, index])),
    outputs,
    outputNames: new Set(outputs.map((output) => output.name)),
    max_batch: batching.max_batch,
    variable: inputs.some((input) => input.variable),
    stateful: states.length > 0,
    state_bytes: states.reduce((sum, state) => sum + ((state.row_bytes + 7) & ~7), 0),
    order: {
      handle: version.handle,
      model: version.model,
      version: version.version,
      format: formatOf(version.artefact),
      artefact: version.artefact,
      artefact_bytes: version.memory_bytes / Math.max(version.instances, 1),
      signature: manifest.signature ?? '',
      max_batch: batching.max_batch,
      device: version.device ?? 'cpu',
      device_home: version.device_home ?? '',
      may_fall_back: version.may_fall_back ?? false,
      threads: version.threads?.threads ?? manifest.threads ?? 1,
      warmup: manifest.warmup,
      inputs: given.map((spec) => workerTensor(spec, batching.max_batch > 0 ? 0 : -1)),
      states,
      constants: Object.entries(manifest.constants).map(([name, value]) => workerConstant(version, name, value)),
      outputs: outputs.map((spec) => workerTensor(spec, batching.max_batch > 0 ? 0 : -1)),
    },
  };
}

function plannedInput(spec: TensorSpec, batching: Batching): PlannedInput {
  const rowDims = batching.max_batch > 0 ? spec.shape.slice(1) : spec.shape;
  return {
    name: spec.name,
    datatype: spec.datatype,
    width: DATATYPE_BYTES[spec.datatype],
    shape: spec.shape,
    variable: rowDims.some((dim) => dim < 0),
  };
}

function workerTensor(spec: TensorSpec, batch_axis: number): WorkerTensor {
  return { name: spec.name, datatype: spec.datatype, shape: spec.shape, batch_axis };
}

function workerState(version: ServedVersion, pair: StatePair): WorkerState {
  const { input, output } = pair;
  const spec = version.signature.inputs.find((tensor) => tensor.name === input);
  if (spec === undefined)
    throw new TidegateError(
      'INVALID_CONFIG',
      `model '${version.model}': its manifest names state input '${input}', which the model does not have`,
    );
  const batch_axis = stateBatchAxis(spec, pair);
  const elements = spec.shape.reduce((product, dim, index) => (index === batch_axis ? product : product * dim), 1);
  const width = DATATYPE_BYTES[spec.datatype];
  if (elements < 0 || width === 0) {
    throw new TidegateError(
      'INVALID_CONFIG',
      `model '${version.model}': state input '${input}' has shape [${spec.shape.join()}] of ${spec.datatype}; state needs a fixed size but for its batch axis`,
    );
  }
  return { input: workerTensor(spec, batch_axis), output, row_bytes: elements * width };
}

function workerConstant(version: ServedVersion, name: string, value: unknown): WorkerConstant {
  const spec = version.signature.inputs.find((tensor) => tensor.name === name);
  if (spec === undefined)
    throw new TidegateError(
      'INVALID_CONFIG',
      `model '${version.model}': its manifest gives a constant for '${name}', which is no input of the model`,
    );
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const shape = spec.shape.map((dim) => (dim < 0 ? values.length : dim));
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (elements !== values.length) {
    throw new TidegateError(
      'INVALID_CONFIG',
      `model '${version.model}': constant '${name}' has ${values.length} values, its shape [${shape.join()}] takes ${elements}`,
    );
  }
  return { name, datatype: spec.datatype, shape, bytes: constantBytes(spec.datatype, values, name) };
}

function constantBytes(datatype: Datatype, values: readonly unknown[], name: string): Uint8Array {
  const width = DATATYPE_BYTES[datatype];
  const bytes = new Uint8Array(width * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    if (!writeNumber(view, index * width, datatype, value)) {
      throw new TidegateError(
        'INVALID_CONFIG',
        `constant '${name}': ${JSON.stringify(value)} cannot be given as ${datatype}`,
      );
    }
  });
  return bytes;
}

function writeNumber(view: DataView, at: number, datatype: Datatype, value: unknown): boolean {
  const number = typeof value === 'boolean' ? Number(value) : value;
  if (typeof number !== 'number') return false;
  const little = true;
  switch (datatype) {
    case 'FP32':
      view.setFloat32(at, number, little);
      return true;
    case 'FP64':
      view.setFloat64(at, number, little);
      return true;
    case 'INT64':
    case 'UINT64':
      if (!Number.isSafeInteger(number)) return false;
      view.setBigInt64(at, BigInt(number), little);
      return true;
    case 'INT32':
    case 'UINT32':
      view.setInt32(at, number, little);
      return Number.isInteger(number);
    case 'INT16':
    case 'UINT16':
      view.setInt16(at, number, little);
      return Number.isInteger(number);
    case 'BOOL':
    case 'INT8':
    case 'UINT8':
      view.setInt8(at, number);
      return Number.isInteger(number);
    default:
      return false;
  }
}
