import { z } from 'zod';
import type { Datatype } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { ModelSignature, TensorSpec } from '../../contract/signature.js';
import type { KnownShapes } from './onnx-file.js';
import { type Layer, LayersConfigSchema, LayersTopologySchema, type TfjsModel } from './tfjs-format.js';

const DATATYPE_OF: ReadonlyMap<string, Datatype> = new Map([
  ['float32', 'FP32'],
  ['int32', 'INT32'],
  ['bool', 'BOOL'],
]);

/** Layers that give what they get, in shape. */
const SAME_SHAPE: ReadonlySet<string> = new Set([
  ...['Activation', 'Softmax', 'ReLU', 'LeakyReLU', 'ELU', 'PReLU', 'ThresholdedReLU'],
  ...['Dropout', 'SpatialDropout1D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout'],
  ...['BatchNormalization', 'LayerNormalization'],
]);

const POOLED_TO_ROWS: ReadonlySet<string> = new Set([
  ...['GlobalAveragePooling1D', 'GlobalAveragePooling2D', 'GlobalMaxPooling1D', 'GlobalMaxPooling2D'],
]);

const BatchShapeSchema = z.array(z.int().positive().nullable()).min(1);
/** [layer, node, tensor], as Keras names a tensor. */
const TensorNameSchema = z.tuple([z.string()], z.unknown());
const InboundSchema = z.array(z.array(TensorNameSchema)).length(1);

interface Network {
  readonly layers: ReadonlyMap<string, Layer>;
  readonly before: ReadonlyMap<string, string>;
  readonly inputs: readonly Layer[];
  readonly outputs: readonly Layer[];
}

/** The first dimension of a LayersModel is its batch: Keras has no other kind. */
export function layersSignature(model: TfjsModel, shapes: KnownShapes): ModelSignature {
  const network = readNetwork(model);
  const inputs = network.inputs.map((layer) => inputSpec(layer));
  const outputs = network.outputs.map((layer) => {
    const name = nameOf(layer);
    const shape = shapes.get(name) ?? shapeAfter(layer, network);
    if (shape === undefined) {
      throw refused(
        `the file does not say what shape output '${name}' has behind a layer of class ${layer.class_name}: give it in model.yaml, ` +
          `as outputs: {${name}: {shape: [-1, …]}}`,
      );
    }
    return batched(name, 'FP32', shape);
  });
  return { inputs, outputs };
}

function readNetwork(model: TfjsModel): Network {
  const topology = LayersTopologySchema.safeParse(model.modelTopology);
  if (!topology.success) throw refused('the LayersModel has no model_config in its modelTopology');
  const { class_name, config } = topology.data;
  // A Sequential of old is the list of its layers itself.
  const parsed = LayersConfigSchema.safeParse(Array.isArray(config) ? { layers: config } : config);
  if (!parsed.success) throw refused(`the LayersModel of class ${class_name} has no layers: ${parsed.error.message}`);
  const { layers, input_layers, output_layers } = parsed.data;
  const byName = new Map(layers.map((layer) => [nameOf(layer), layer]));
  if (class_name === 'Sequential') {
    const before = new Map(layers.slice(1).map((layer, index) => [nameOf(layer), nameOf(layers[index])]));
    return { layers: byName, before, inputs: [layers[0]], outputs: layers.slice(-1) };
  }
  const before = new Map<string, string>();
  for (const layer of layers) {
    const inbound = InboundSchema.safeParse(layer.inbound_nodes);
    // Of layers that several others feed the shape is not followed.
    if (inbound.success && inbound.data[0].length === 1) before.set(nameOf(layer), inbound.data[0][0][0]);
  }
  const named = (tensors: readonly unknown[]) => tensors.map((tensor) => layerNamed(byName, tensor));
  return { layers: byName, before, inputs: named(input_layers), outputs: named(output_layers) };
}

function layerNamed(layers: ReadonlyMap<string, Layer>, tensor: unknown): Layer {
  const named = TensorNameSchema.safeParse(tensor);
  const layer = named.success ? layers.get(named.data[0]) : undefined;
  if (layer === undefined)
    throw refused(`the LayersModel names a layer ${JSON.stringify(tensor)} that it does not have`);
  return layer;
}

function nameOf(layer: Layer): string {
  const name = layer.name ?? layer.config['name'];
  if (typeof name !== 'string' || name === '') throw refused(`a layer of class ${layer.class_name} has no name`);
  return name;
}

function inputSpec(layer: Layer): TensorSpec {
  const name = nameOf(layer);
  const shape = inputShape(layer);
  if (shape === undefined)
    throw refused(`the first layer '${name}' has no batch_input_shape: save the model after it was built`);
  const dtype = String(layer.config['dtype'] ?? 'float32');
  const datatype = DATATYPE_OF.get(dtype);
  if (datatype === undefined)
    throw refused(
      `input '${name}' has type ${dtype}, which TensorFlow.js has no kernels for: it has float32, int32 and bool`,
    );
  return batched(layer.class_name === 'InputLayer' ? name : `${name}_input`, datatype, shape);
}

function inputShape(layer: Layer): number[] | undefined {
  const { config } = layer;
  const written = config['batch_input_shape'] ?? config['batch_shape'];
  const shape = BatchShapeSchema.safeParse(written);
  return shape.success ? shape.data.map((dim) => dim ?? -1) : undefined;
}

/** undefined: what the layer does to a shape is not followed. */
function shapeAfter(layer: Layer, network: Network): number[] | undefined {
  const { class_name, config } = layer;
  if (class_name === 'InputLayer') return inputShape(layer);
  const shape = (): number[] | undefined => {
    const before = network.layers.get(network.before.get(nameOf(layer)) ?? '');
    return before === undefined ? inputShape(layer) : shapeAfter(before, network);
  };
  if (SAME_SHAPE.has(class_name)) return shape();
  if (POOLED_TO_ROWS.has(class_name)) return [-1, -1];
  if (class_name === 'Flatten') return [-1, product(shape()?.slice(1))];
  if (class_name !== 'Dense') return undefined;
  const units = Number(config['units']);
  return Number.isSafeInteger(units) ? shape()?.with(-1, units) : undefined;
}

function product(dims: readonly number[] | undefined): number {
  if (dims === undefined || dims.some((dim) => dim < 0)) return -1;
  return dims.reduce((all, dim) => all * dim, 1);
}

function batched(name: string, datatype: Datatype, shape: readonly number[]): TensorSpec {
  return { name, datatype, shape, symbols: shape.map((dim, axis) => (axis === 0 && dim < 0 ? 'batch' : '')) };
}

function refused(reason: string): TidegateError {
  return new TidegateError('MODEL_LOAD_FAILED', reason);
}
