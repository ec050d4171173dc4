import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Small models of TensorFlow.js, written by hand, so that a test knows what each must answer. */

/** 3 inputs, 2 outputs. */
export const WEIGHTS = [0.5, -1, 2, 0.25, -0.75, 1.5];
export const BIAS = [0.125, -0.5];

/** What both networks below give for one row. */
export function dense(row: readonly number[]): number[] {
  return BIAS.map((bias, unit) =>
    Math.max(
      0,
      row.reduce((sum, value, input) => sum + value * WEIGHTS[input * 2 + unit], bias),
    ),
  );
}

const WEIGHT_GROUP = {
  paths: ['group1-shard1of2.bin', 'group1-shard2of2.bin'],
  weights: [
    { name: 'w', shape: [3, 2], dtype: 'float32' },
    { name: 'b', shape: [2], dtype: 'float32' },
  ],
};

const size = (...dims: number[]) => ({ dim: dims.map((dim) => ({ size: String(dim) })) });
const node = (name: string, op: string, input: string[], type = 'DT_FLOAT') => ({
  name,
  op,
  input,
  attr: op === 'Const' || op === 'Placeholder' ? { dtype: { type } } : { T: { type } },
});

/** y = relu(x·w + b), and whether each element of y is above zero. */
export const DENSE_GRAPH = {
  format: 'graph-model',
  signature: {
    inputs: { x: { name: 'x_in:0', dtype: 'DT_FLOAT', tensorShape: size(-1, 3) } },
    outputs: {
      y: { name: 'relu:0', dtype: 'DT_FLOAT', tensorShape: size(-1, 2) },
      above: { name: 'above:0', dtype: 'DT_BOOL', tensorShape: size(-1, 2) },
    },
  },
  modelTopology: {
    node: [
      node('x_in', 'Placeholder', []),
      node('w', 'Const', []),
      node('b', 'Const', []),
      node('product', 'MatMul', ['x_in', 'w']),
      node('sum', 'AddV2', ['product', 'b']),
      node('relu', 'Relu', ['sum']),
      node('nothing', 'Sub', ['b', 'b']),
      node('above', 'Greater', ['relu', 'nothing']),
    ],
    versions: { producer: 1 },
  },
  weightsManifest: [WEIGHT_GROUP],
};

/** Where x is true: an operator whose result may have any size, so that the library runs the graph asynchronously. */
export const WHERE_GRAPH = {
  format: 'graph-model',
  signature: {
    inputs: { x: { name: 'x:0', dtype: 'DT_BOOL', tensorShape: size(-1) } },
    outputs: { at: { name: 'at:0', dtype: 'DT_INT32', tensorShape: size(-1, 1) } },
  },
  modelTopology: {
    node: [node('x', 'Placeholder', [], 'DT_BOOL'), node('at', 'Where', ['x'], 'DT_BOOL')],
    versions: { producer: 1 },
  },
  weightsManifest: [],
};

/** Gives back what it is given. */
export function echoGraph(dtype: string): object {
  const x = { name: 'x:0', dtype, tensorShape: size(-1) };
  return {
    format: 'graph-model',
    signature: { inputs: { x }, outputs: { y: { ...x, name: 'y:0' } } },
    modelTopology: {
      node: [node('x', 'Placeholder', [], dtype), node('y', 'Identity', ['x'], dtype)],
      versions: { producer: 1 },
    },
    weightsManifest: [],
  };
}

export const DENSE_LAYERS = {
  format: 'layers-model',
  modelTopology: {
    keras_version: '2.15.0',
    backend: 'tensorflow',
    model_config: {
      class_name: 'Sequential',
      config: {
        name: 'net',
        layers: [
          {
            class_name: 'Dense',
            config: { name: 'out', units: 2, activation: 'relu', use_bias: true, batch_input_shape: [null, 3] },
          },
          { class_name: 'Dropout', config: { name: 'drop', rate: 0.5 } },
        ],
      },
    },
  },
  weightsManifest: [
    {
      ...WEIGHT_GROUP,
      weights: WEIGHT_GROUP.weights.map((weight, index) => ({ ...weight, name: ['out/kernel', 'out/bias'][index] })),
    },
  ],
};

/** Writes version 1 of a model. `manifest`: the text of its `model.yaml`. Returns the artefact's path. */
export async function writeTfjsModel(folder: string, name: string, model: object, manifest = ''): Promise<string> {
  const directory = join(folder, name, '1');
  await mkdir(directory, { recursive: true });
  const bytes = new Uint8Array(new Float32Array([...WEIGHTS, ...BIAS]).buffer);
  // Cut in the middle of a number: shards are bytes, not tensors.
  await writeFile(join(directory, 'group1-shard1of2.bin'), bytes.subarray(0, 18));
  await writeFile(join(directory, 'group1-shard2of2.bin'), bytes.subarray(18));
  if (manifest !== '') await writeFile(join(folder, name, 'model.yaml'), manifest);
  const artefact = join(directory, 'model.json');
  await writeFile(artefact, JSON.stringify(model));
  return artefact;
}
