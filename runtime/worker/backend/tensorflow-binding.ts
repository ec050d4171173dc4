import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * The native half of tfjs-node, called without its JavaScript, which loses the sign of 64-bit numbers, loads all of TensorFlow.js, and
 * fails on Node 24. The version is pinned by `tidegate setup tensorflow`, and its shape is checked here.
 */
export interface TensorflowBinding {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_INT64: number;
  readonly TF_BOOL: number;
  readonly TF_STRING: number;
  readonly TF_UINT8: number;
  loadSavedModel(path: string, tags: string): number;
  deleteSavedModel(session: number): void;
  createTensor(shape: readonly number[], type: number, data: TensorData): number;
  deleteTensor(tensor: number): void;
  tensorDataSync(tensor: number): unknown;
  runSavedModel(session: number, inputs: readonly number[], inputNames: string, outputNames: string): TensorHandle[];
  isUsingGpuDevice(): boolean;
}

export type TensorData = Float32Array | Int32Array | Uint8Array | readonly Uint8Array[];

export interface TensorHandle {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}

const FUNCTIONS = [
  'loadSavedModel',
  'deleteSavedModel',
  'createTensor',
  'deleteTensor',
  'tensorDataSync',
  'runSavedModel',
];
const NUMBERS = ['TF_FLOAT', 'TF_INT32', 'TF_INT64', 'TF_BOOL', 'TF_STRING', 'TF_UINT8'];

function isBinding(value: unknown): value is TensorflowBinding {
  if (typeof value !== 'object' || value === null) return false;
  const members = new Map<string, unknown>(
    [...FUNCTIONS, ...NUMBERS].map((name) => [name, Object.getOwnPropertyDescriptor(value, name)?.value]),
  );
  return (
    FUNCTIONS.every((name) => typeof members.get(name) === 'function') &&
    NUMBERS.every((name) => typeof members.get(name) === 'number')
  );
}

export const TENSORFLOW_BINDING = join(
  'node_modules',
  '@tensorflow',
  'tfjs-node',
  'lib',
  'napi-v8',
  'tfjs_binding.node',
);

/** Once in a process: TensorFlow cannot be unloaded. */
export function tensorflowBinding(home: string): TensorflowBinding {
  const loaded: unknown = createRequire(import.meta.url)(join(home, TENSORFLOW_BINDING));
  if (!isBinding(loaded))
    throw new Error(`${home} holds another tfjs-node than Tidegate was made for: tidegate setup tensorflow`);
  return loaded;
}
