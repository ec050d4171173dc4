import { MessageWriter } from '../../std/protobuf-writer.js';

/** Opset 17 with IR version 8: what ONNX Runtime reads since 1.12. */
const IR_VERSION = 8;
const OPSET = 17;
const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

/** A named FP32 tensor of the graph's face; a text dimension is symbolic. */
export interface GraphTensor {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

export interface GraphConstant {
  readonly name: string;
  readonly shape: readonly number[];
  /** FP32, or INT64 for the shapes and axes that operators take as inputs. */
  readonly values: Float32Array | BigInt64Array;
}

export interface GraphNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers from 0 only. */
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface Graph {
  readonly name: string;
  readonly description: string;
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
  readonly constants: readonly GraphConstant[];
  /** In an order in which each node's inputs exist before it. */
  readonly nodes: readonly GraphNode[];
  /** Facts about the model, kept in its metadata. */
  readonly facts: Readonly<Record<string, string>>;
}

/** A graph as an ONNX file. Field numbers are those of onnx.proto3 (github.com/onnx/onnx). */
export function encodeOnnx(graph: Graph): Uint8Array {
  const model = new MessageWriter()
    .integer(1, IR_VERSION)
    .text(2, 'tidegate-examples')
    .text(6, graph.description)
    .message(7, encodeGraph(graph))
    .message(8, new MessageWriter().text(1, '').integer(2, OPSET));
  for (const [key, value] of Object.entries(graph.facts)) {
    model.message(14, new MessageWriter().text(1, key).text(2, value));
  }
  return model.finish();
}

function encodeGraph(graph: Graph): MessageWriter {
  const message = new MessageWriter();
  for (const node of graph.nodes) message.message(1, encodeNode(node));
  message.text(2, graph.name);
  for (const constant of graph.constants) message.message(5, encodeConstant(constant));
  for (const input of graph.inputs) message.message(11, encodeTensor(input));
  for (const output of graph.outputs) message.message(12, encodeTensor(output));
  return message;
}

function encodeNode(node: GraphNode): MessageWriter {
  const message = new MessageWriter();
  for (const input of node.inputs) message.text(1, input);
  for (const output of node.outputs) message.text(2, output);
  message.text(3, node.outputs[0]).text(4, node.operator);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    message.message(5, encodeAttribute(name, value));
  }
  return message;
}

function encodeAttribute(name: string, value: number | readonly number[]): MessageWriter {
  const message = new MessageWriter().text(1, name);
  if (typeof value === 'number') return message.integer(3, value).integer(20, ATTRIBUTE_INT);
  for (const each of value) message.integer(8, each);
  return message.integer(20, ATTRIBUTE_INTS);
}

function encodeConstant({ name, shape, values }: GraphConstant): MessageWriter {
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (elements !== values.length) {
    throw new RangeError(`constant ${name} has ${values.length} values, but its shape [${shape}] takes ${elements}`);
  }
  const message = new MessageWriter();
  for (const dim of shape) message.integer(1, dim);
  const type = values instanceof Float32Array ? FLOAT : INT64;
  return message.integer(2, type).text(8, name).bytes(9, littleEndian(values));
}

function encodeTensor({ name, shape }: GraphTensor): MessageWriter {
  const dims = new MessageWriter();
  for (const dim of shape) {
    dims.message(1, typeof dim === 'number' ? new MessageWriter().integer(1, dim) : new MessageWriter().text(2, dim));
  }
  const tensor = new MessageWriter().integer(1, FLOAT).message(2, dims);
  return new MessageWriter().text(1, name).message(2, new MessageWriter().message(1, tensor));
}

function littleEndian(values: Float32Array | BigInt64Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.byteLength));
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (typeof value === 'bigint') view.setBigInt64(at * 8, value, true);
    else view.setFloat32(at * 4, value, true);
  }
  return new Uint8Array(view.buffer);
}
