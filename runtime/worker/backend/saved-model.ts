import { dirname } from 'node:path';
import { z } from 'zod';
import type { Datatype } from '../../../contract/datatype.js';
import { readSavedModel, type SavedSignature } from '../../model/saved-model-file.js';
import type { LoadOrder } from '../messages.js';
import type { BackendSession, BackendTensor } from './backend.js';
import { type TensorData, type TensorflowBinding, type TensorHandle, tensorflowBinding } from './tensorflow-binding.js';

/** A SavedModel on TensorFlow's own runtime. For a process that was started with TensorFlow's libraries on its path. */
export function loadSavedModel(order: LoadOrder): BackendSession {
  const shapes = new Map([...order.inputs, ...order.outputs].map(({ name, shape }) => [name, shape] as const));
  const { saved, tags } = readSavedModel(order.artefact, shapes, order.signature);
  const binding = tensorflowBinding(order.device_home);
  const session = binding.loadSavedModel(dirname(order.artefact), tags);
  if (order.device !== 'cpu' && !binding.isUsingGpuDevice()) {
    binding.deleteSavedModel(session);
    throw new Error('TensorFlow found no GPU that it can use');
  }
  return new SavedModelSession(order.device, binding, session, saved);
}

class SavedModelSession implements BackendSession {
  readonly device: string;
  readonly #binding: TensorflowBinding;
  readonly #session: number;
  readonly #saved: SavedSignature;
  readonly #inputNames: string;

  constructor(device: string, binding: TensorflowBinding, session: number, saved: SavedSignature) {
    this.device = device;
    this.#binding = binding;
    this.#session = session;
    this.#saved = saved;
    this.#inputNames = saved.inputs.map(({ tensor }) => tensor).join(',');
  }

  run(inputs: readonly BackendTensor[], wanted: readonly string[]): BackendTensor[] {
    const given: number[] = [];
    let results: readonly TensorHandle[] = [];
    try {
      for (const { key } of this.#saved.inputs)
        given.push(
          this.#tensorOf(
            inputs.find(({ name }) => name === key),
            key,
          ),
        );
      const names = wanted.map((name) => this.#saved.outputs.find(({ key }) => key === name)?.tensor ?? name);
      results = this.#binding.runSavedModel(this.#session, given, this.#inputNames, names.join(','));
      return wanted.map((name, index) => this.#read(name, results[index]));
    } finally {
      for (const id of [...given, ...results.map((result) => result.id)]) this.#binding.deleteTensor(id);
    }
  }

  release(): void {
    this.#binding.deleteSavedModel(this.#session);
  }

  #tensorOf(input: BackendTensor | undefined, key: string): number {
    if (input === undefined) throw new Error(`input '${key}' is missing`);
    const [type, data] = this.#typed(input);
    return this.#binding.createTensor(input.shape, type, data);
  }

  #typed({ name, datatype, data }: BackendTensor): readonly [type: number, data: TensorData] {
    const { TF_FLOAT, TF_INT32, TF_INT64, TF_BOOL, TF_STRING, TF_UINT8 } = this.#binding;
    if (!(data instanceof Uint8Array)) return [TF_STRING, data.map((text) => new TextEncoder().encode(text))];
    const { buffer, byteOffset, byteLength } = data;
    switch (datatype) {
      case 'FP32':
        return [TF_FLOAT, new Float32Array(buffer, byteOffset, byteLength / 4)];
      case 'INT32':
        return [TF_INT32, new Int32Array(buffer, byteOffset, byteLength / 4)];
      case 'INT64':
        // The binding takes each number as its lower and its upper half.
        return [TF_INT64, new Int32Array(buffer, byteOffset, byteLength / 4)];
      case 'BOOL':
        return [TF_BOOL, data];
      case 'UINT8':
        return [TF_UINT8, data];
      default:
        throw new Error(`input '${name}' is ${datatype}, which TensorFlow's binding for Node.js does not carry`);
    }
  }

  #read(name: string, result: TensorHandle | undefined): BackendTensor {
    if (result === undefined) throw new Error(`the model gave no output '${name}'`);
    const { id, dtype, shape } = result;
    const datatype = this.#datatypeOf(dtype);
    if (datatype === undefined)
      throw new Error(`output '${name}' has TensorFlow's type ${dtype}, which cannot be served`);
    const data: unknown = this.#binding.tensorDataSync(id);
    if (datatype === 'BYTES') return { name, datatype, shape, data: textsOf(data) };
    if (!ArrayBuffer.isView(data)) throw new Error(`output '${name}' came without its values`);
    // The memory is TensorFlow's until the tensor is deleted.
    return { name, datatype, shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice() };
  }

  #datatypeOf(dtype: number): Datatype | undefined {
    const { TF_FLOAT, TF_INT32, TF_INT64, TF_BOOL, TF_STRING, TF_UINT8 } = this.#binding;
    const types = new Map<number, Datatype>([
      [TF_FLOAT, 'FP32'],
      [TF_INT32, 'INT32'],
      [TF_INT64, 'INT64'],
      [TF_BOOL, 'BOOL'],
      [TF_STRING, 'BYTES'],
      [TF_UINT8, 'UINT8'],
    ]);
    return types.get(dtype);
  }
}

const BytesSchema = z.array(z.instanceof(Uint8Array));

function textsOf(data: unknown): string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return BytesSchema.parse(data).map((bytes) => decoder.decode(bytes));
}
