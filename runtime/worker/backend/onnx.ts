import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Datatype } from '../../../contract/datatype.js';
import { rewriteBf16 } from '../../model/bf16-rewrite.js';
import type { LoadOrder } from '../messages.js';
import type { Backend, BackendSession, BackendTensor } from './backend.js';
import { type NativeSession, newNativeSession, Tensor } from './onnx-binding.js';

const ORT_TYPE = {
  BOOL: 'bool',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Partial<Record<Datatype, Tensor.Type>>;

/** Only what is fatal: failures are thrown, and told to whoever asked. */
const SILENT = 4;

type OrtDatatype = keyof typeof ORT_TYPE;

function isOrtDatatype(datatype: Datatype): datatype is OrtDatatype {
  return Object.hasOwn(ORT_TYPE, datatype);
}

const DATATYPE_OF: ReadonlyMap<string, Datatype> = new Map(
  Object.keys(ORT_TYPE)
    .filter(isKnown)
    .map((datatype) => [ORT_TYPE[datatype], datatype]),
);

function isKnown(text: string): text is OrtDatatype {
  return Object.hasOwn(ORT_TYPE, text);
}

/** ONNX Runtime on the CPU. BF16, which its JavaScript tensors lack, crosses as FP32: the model file is rewritten at load. */
export const onnxBackend: Backend = { load: (order) => loadOnnx(order, 'cpu') };

/** `provider`: the execution provider. Throws where it cannot be had: nothing falls back to another one. */
export async function loadOnnx(order: LoadOrder, provider: string): Promise<BackendSession> {
  const needsRewrite = [...order.inputs, ...order.outputs, ...order.states.map((state) => state.input)].some(
    (tensor) => tensor.datatype === 'BF16',
  );
  const options = {
    executionProviders: [provider],
    intraOpNumThreads: order.threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    logSeverityLevel: SILENT,
    // Its own threads would spin for work between two runs, on cores that the sockets need.
    extra: {
      session: {
        intra_op: { allow_spinning: order.threads > 1 ? '1' : '0' },
        // A rewritten model is loaded from memory, and has no folder of its own to look for its weights in.
        ...(needsRewrite ? { model_external_initializers_file_folder_path: dirname(order.artefact) } : {}),
      },
    },
  };
  const session = newNativeSession(provider === 'cpu' ? '' : order.device_home);
  if (needsRewrite) {
    const bytes = rewriteBf16(await readFile(order.artefact));
    session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, options);
  } else {
    session.loadModel(order.artefact, options);
  }
  return new OnnxSession(session, provider === 'cpu' ? 'cpu' : order.device);
}

class OnnxSession implements BackendSession {
  readonly device: string;
  readonly #session: NativeSession;
  /** Inputs of one shape come as the same object every time, over the same memory: their tensors are made once. */
  readonly #tensors = new WeakMap<BackendTensor, Tensor>();
  readonly #fetches = new WeakMap<readonly string[], Record<string, null>>();
  readonly #runOptions = { logSeverityLevel: SILENT };

  constructor(session: NativeSession, device: string) {
    this.device = device;
    this.#session = session;
  }

  run(inputs: readonly BackendTensor[], wanted: readonly string[]): BackendTensor[] {
    const feeds: Record<string, Tensor> = {};
    for (const input of inputs) feeds[input.name] = this.#tensorOf(input);
    let fetches = this.#fetches.get(wanted);
    if (fetches === undefined) {
      fetches = Object.fromEntries(wanted.map((name) => [name, null]));
      this.#fetches.set(wanted, fetches);
    }
    const results = this.#session.run(feeds, fetches, this.#runOptions);
    return wanted.map((name) => backendTensor(name, results[name]));
  }

  release(): void {
    this.#session.dispose();
  }

  #tensorOf(input: BackendTensor): Tensor {
    let tensor = this.#tensors.get(input);
    if (tensor === undefined) {
      tensor = ortTensor(input);
      // Strings are decoded anew for every run; only memory that is filled in place may keep its tensor.
      if (input.datatype !== 'BYTES') this.#tensors.set(input, tensor);
    }
    return tensor;
  }
}

function ortTensor({ datatype, shape, data }: BackendTensor): Tensor {
  const dims = [...shape];
  if (!(data instanceof Uint8Array)) return new Tensor('string', [...data], dims);
  if (!isOrtDatatype(datatype)) throw new Error(`ONNX Runtime for Node has no tensors of ${datatype}`);
  const { buffer, byteOffset, byteLength } = data;
  switch (datatype) {
    case 'BOOL':
      return new Tensor('bool', data, dims);
    case 'UINT8':
      return new Tensor('uint8', data, dims);
    case 'INT8':
      return new Tensor('int8', new Int8Array(buffer, byteOffset, byteLength), dims);
    case 'INT16':
      return new Tensor('int16', new Int16Array(buffer, byteOffset, byteLength / 2), dims);
    case 'UINT16':
      return new Tensor('uint16', new Uint16Array(buffer, byteOffset, byteLength / 2), dims);
    case 'INT32':
      return new Tensor('int32', new Int32Array(buffer, byteOffset, byteLength / 4), dims);
    case 'UINT32':
      return new Tensor('uint32', new Uint32Array(buffer, byteOffset, byteLength / 4), dims);
    case 'INT64':
      return new Tensor('int64', new BigInt64Array(buffer, byteOffset, byteLength / 8), dims);
    case 'UINT64':
      return new Tensor('uint64', new BigUint64Array(buffer, byteOffset, byteLength / 8), dims);
    case 'FP16':
      return halfTensor(new Uint16Array(buffer, byteOffset, byteLength / 2), dims);
    case 'FP32':
      return new Tensor('float32', new Float32Array(buffer, byteOffset, byteLength / 4), dims);
    case 'FP64':
      return new Tensor('float64', new Float64Array(buffer, byteOffset, byteLength / 8), dims);
    case 'BYTES':
      throw new Error('BYTES reach the backend as strings');
  }
}

/**
 * Where JavaScript has Float16Array, the library's tensors of float16 want one, which its native half cannot read. What
 * that half looks at is the type's name and the bytes.
 */
function halfTensor(halves: Uint16Array, dims: number[]): Tensor {
  return Object.defineProperty(new Tensor('uint16', halves, dims), 'type', { value: 'float16' });
}

function backendTensor(name: string, tensor: Tensor | undefined): BackendTensor {
  if (tensor === undefined) throw new Error(`the model gave no output '${name}'`);
  const datatype = DATATYPE_OF.get(tensor.type);
  if (datatype === undefined)
    throw new Error(`output '${name}' has type ${tensor.type}, which the protocol does not know`);
  const { data } = tensor;
  if (Array.isArray(data)) return { name, datatype, shape: tensor.dims, data };
  return { name, datatype, shape: tensor.dims, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}
