import * as tf from '@tensorflow/tfjs-core';
import { DATATYPE_BYTES, type Datatype } from '../../../contract/datatype.js';
import type { WorkerTensor } from '../messages.js';
import type { BackendTensor } from './backend.js';

/** The library's tensors of what callers gave, by name. */
export function namedTensors(inputs: readonly BackendTensor[]): Record<string, tf.Tensor> {
  return Object.fromEntries(inputs.map((input) => [input.name, tensorOf(input)]));
}

function tensorOf({ name, datatype, shape, data }: BackendTensor): tf.Tensor {
  const dims = [...shape];
  if (!(data instanceof Uint8Array)) return tf.tensor([...data], dims, 'string');
  const { buffer, byteOffset, byteLength } = data;
  switch (datatype) {
    case 'FP32':
      return tf.tensor(new Float32Array(buffer, byteOffset, byteLength / 4), dims, 'float32');
    case 'INT32':
      return tf.tensor(new Int32Array(buffer, byteOffset, byteLength / 4), dims, 'int32');
    case 'BOOL':
      return tf.tensor(data, dims, 'bool');
    case 'UINT8':
      return tf.tensor(Int32Array.from(data), dims, 'int32');
    case 'INT8':
      return tf.tensor(Int32Array.from(new Int8Array(buffer, byteOffset, byteLength)), dims, 'int32');
    case 'INT64':
      return tf.tensor(narrowed(name, new BigInt64Array(buffer, byteOffset, byteLength / 8)), dims, 'int32');
    default:
      throw new Error(`input '${name}' is ${datatype}, which TensorFlow.js has no kernels for`);
  }
}

function narrowed(name: string, values: BigInt64Array): Int32Array {
  const narrow = new Int32Array(values.length);
  values.forEach((value, at) => {
    if (value !== BigInt.asIntN(32, value))
      throw new Error(
        `input '${name}' has ${value} at element ${at}, and TensorFlow.js computes whole numbers in 32 bits`,
      );
    narrow[at] = Number(value);
  });
  return narrow;
}

const DATATYPE_OF: ReadonlyMap<string, Datatype> = new Map([
  ['float32', 'FP32'],
  ['int32', 'INT32'],
  ['bool', 'BOOL'],
  ['string', 'BYTES'],
]);

/** Results in the order in which they were wanted, in the types that the signature promises. */
export function readTensors(
  results: tf.Tensor | readonly tf.Tensor[],
  wanted: readonly string[],
  promised: readonly WorkerTensor[],
): BackendTensor[] {
  const tensors = results instanceof tf.Tensor ? [results] : results;
  return wanted.map((name, index) => {
    const tensor = tensors[index];
    const found = DATATYPE_OF.get(tensor.dtype);
    if (found === undefined) throw new Error(`output '${name}' has type ${tensor.dtype}, which cannot be served`);
    const datatype = promised.find((spec) => spec.name === name)?.datatype ?? found;
    return { name, datatype, shape: tensor.shape, data: dataOf(tensor, found, datatype, name) };
  });
}

function dataOf(tensor: tf.Tensor, found: Datatype, datatype: Datatype, name: string): Uint8Array | string[] {
  if (found === 'BYTES') {
    if (datatype !== 'BYTES') throw wrongType(name, found, datatype);
    return tensor.dataSync<'string'>();
  }
  const values = tensor.dataSync();
  if (found === datatype) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (found !== 'INT32') throw wrongType(name, found, datatype);
  if (datatype === 'INT64') return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  // What was computed in 32 bits for one of these lies within it, as TensorFlow's own kernels wrap around.
  if (DATATYPE_BYTES[datatype] === 1 && datatype !== 'BOOL') return Uint8Array.from(values);
  throw wrongType(name, found, datatype);
}

function wrongType(name: string, found: Datatype, promised: Datatype): Error {
  return new Error(`output '${name}' is ${found}, and the model's signature promises ${promised}`);
}
