import { MessageWriter } from '../../std/protobuf-writer.js';
import {
  ATTRIBUTE,
  ATTRIBUTE_INT,
  ELEM_BFLOAT16,
  ELEM_FLOAT,
  GRAPH,
  MODEL,
  NODE,
  QUANTIZATION_ANNOTATION,
  SPARSE_TENSOR,
  TENSOR,
  TENSOR_TYPE,
  TYPE,
  VALUE_INFO,
} from './onnx-format.js';
import { MemorySource, malformed, WireReader } from './protobuf.js';

/**
 * ONNX Runtime for Node has no BF16 tensors. This rewrites a model so that each input and output of type BFLOAT16 is FLOAT under
 * the same name, with a Cast behind the input or before the output. BFLOAT16 → FLOAT is exact, and FLOAT → BFLOAT16 is exact for
 * values that came from BFLOAT16, so nothing is lost.
 *
 *   x: BFLOAT16 → Identity → y: BFLOAT16      becomes
 *   x: FLOAT → Cast → x': BFLOAT16 → Identity → y': BFLOAT16 → Cast → y: FLOAT
 *
 * Inside, a rewritten name is replaced wherever it stands, in the graphs of branches and loops too: ONNX forbids that an inner
 * graph gives the name a second meaning. Weights are copied as they are. A model without such tensors comes back unchanged.
 * The result is no longer beside its external data: a session made from it must be told where the files lie
 * (`session.model_external_initializers_file_folder_path`). Throws MODEL_LOAD_FAILED for bytes that are not a model.
 */
export function rewriteBf16(bytes: Uint8Array): Uint8Array {
  const source = new MemorySource('the model', bytes);
  const edges = findEdges(new WireReader(source));
  if (edges.inputs.size + edges.outputs.size === 0) return bytes;
  const model = new MessageWriter();
  const reader = new WireReader(source);
  while (reader.next()) {
    if (reader.field === MODEL.graph) model.message(MODEL.graph, rewriteMainGraph(reader.message(), edges));
    else model.encoded(fieldBytes(reader));
  }
  return model.finish();
}

interface Edges {
  readonly inputs: ReadonlySet<string>;
  readonly outputs: ReadonlySet<string>;
  /** What a name of the edge is called inside. */
  readonly inside: ReadonlyMap<string, string>;
}

/** The names of BFLOAT16 inputs and outputs. Inputs with a default (initializers) stay: nobody sends them. */
function findEdges(reader: WireReader): Edges {
  const inputs = new Set<string>();
  const outputs = new Set<string>();
  const initializers = new Set<string>();
  while (reader.next()) {
    if (reader.field !== MODEL.graph) continue;
    const graph = reader.message();
    while (graph.next()) {
      if (graph.field === GRAPH.input) addIfBf16(graph.message(), inputs);
      else if (graph.field === GRAPH.output) addIfBf16(graph.message(), outputs);
      else if (graph.field === GRAPH.initializer) addName(graph.message(), TENSOR.name, initializers);
    }
  }
  for (const name of initializers) inputs.delete(name);
  const inside = new Map([...inputs, ...outputs].map((name) => [name, `${name}/tidegate:bf16`]));
  return { inputs, outputs, inside };
}

function addName(reader: WireReader, field: number, names: Set<string>): void {
  while (reader.next()) if (reader.field === field) names.add(reader.text());
}

function addIfBf16(reader: WireReader, names: Set<string>): void {
  let name = '';
  let elem = 0;
  while (reader.next()) {
    if (reader.field === VALUE_INFO.name) name = reader.text();
    if (reader.field !== VALUE_INFO.type) continue;
    const type = reader.message();
    while (type.next()) {
      if (type.field !== TYPE.tensor) continue;
      const tensor = type.message();
      while (tensor.next()) if (tensor.field === TENSOR_TYPE.elem_type) elem = tensor.number();
    }
  }
  if (elem === ELEM_BFLOAT16) names.add(name);
}

function rewriteMainGraph(reader: WireReader, { inputs, outputs, inside }: Edges): MessageWriter {
  const graph = new MessageWriter();
  // Nodes stand in the order in which they run: inputs are cast before all others, outputs after them.
  for (const name of inputs) graph.message(GRAPH.node, castNode(name, renamed(name, inside), ELEM_BFLOAT16));
  while (reader.next()) {
    if (reader.field === GRAPH.input && isOneOf(reader.message(), inputs))
      graph.message(GRAPH.input, asFloat(reader.message()));
    else if (reader.field === GRAPH.output && isOneOf(reader.message(), outputs))
      graph.message(GRAPH.output, asFloat(reader.message()));
    else if (reader.field === GRAPH.output) graph.encoded(fieldBytes(reader));
    else copyInside(reader, graph, inside);
  }
  for (const name of outputs) {
    // An input that is handed through as an output is FLOAT already.
    if (!inputs.has(name)) graph.message(GRAPH.node, castNode(renamed(name, inside), name, ELEM_FLOAT));
  }
  return graph;
}

function renamed(name: string, inside: ReadonlyMap<string, string>): string {
  return inside.get(name) ?? name;
}

function isOneOf(reader: WireReader, names: ReadonlySet<string>): boolean {
  while (reader.next()) if (reader.field === VALUE_INFO.name) return names.has(reader.text());
  return false;
}

function castNode(input: string, output: string, to: number): MessageWriter {
  const attribute = new MessageWriter();
  attribute.text(ATTRIBUTE.name, 'to');
  attribute.integer(ATTRIBUTE.i, to);
  attribute.integer(ATTRIBUTE.type, ATTRIBUTE_INT);
  const node = new MessageWriter();
  node.text(NODE.input, input);
  node.text(NODE.output, output);
  node.text(NODE.name, `tidegate:bf16/${output}`);
  node.text(NODE.op_type, 'Cast');
  node.message(NODE.attribute, attribute);
  return node;
}

/** The value with element type FLOAT and the same shape. */
function asFloat(reader: WireReader): MessageWriter {
  return mapped(reader, (value, to) => {
    if (value.field !== VALUE_INFO.type) return false;
    const type = mapped(value.message(), (kind, toType) => {
      if (kind.field !== TYPE.tensor) return false;
      const tensor = mapped(kind.message(), (member, toTensor) => {
        if (member.field !== TENSOR_TYPE.elem_type) return false;
        toTensor.integer(TENSOR_TYPE.elem_type, ELEM_FLOAT);
        return true;
      });
      toType.message(TYPE.tensor, tensor);
      return true;
    });
    to.message(VALUE_INFO.type, type);
    return true;
  });
}

/** Copies a message but for the fields that `replace` writes itself. */
function mapped(reader: WireReader, replace: (field: WireReader, to: MessageWriter) => boolean): MessageWriter {
  const writer = new MessageWriter();
  while (reader.next()) if (!replace(reader, writer)) writer.encoded(fieldBytes(reader));
  return writer;
}

type Names = ReadonlyMap<string, string>;

/** Deepest nesting of branches and loops. */
const MAX_GRAPH_DEPTH = 50;

/** One field of a graph, with all names in it as they are inside. */
function copyInside(field: WireReader, graph: MessageWriter, names: Names, depth = 0): void {
  if (depth > MAX_GRAPH_DEPTH)
    throw malformed(field.source, field.from, `graphs are nested deeper than ${MAX_GRAPH_DEPTH}`);
  switch (field.field) {
    case GRAPH.node:
      graph.message(GRAPH.node, nodeInside(field.message(), names, depth));
      return;
    case GRAPH.initializer:
      graph.message(GRAPH.initializer, withName(field.message(), TENSOR.name, names));
      return;
    case GRAPH.input:
    case GRAPH.output:
    case GRAPH.value_info:
      graph.message(field.field, withName(field.message(), VALUE_INFO.name, names));
      return;
    case GRAPH.quantization_annotation:
      graph.message(field.field, withName(field.message(), QUANTIZATION_ANNOTATION.tensor_name, names));
      return;
    case GRAPH.sparse_initializer:
      graph.message(field.field, sparseInside(field.message(), names));
      return;
    default:
      graph.encoded(fieldBytes(field));
  }
}

function sparseInside(reader: WireReader, names: Names): MessageWriter {
  return mapped(reader, (field, to) => {
    if (field.field !== SPARSE_TENSOR.values) return false;
    to.message(SPARSE_TENSOR.values, withName(field.message(), TENSOR.name, names));
    return true;
  });
}

function withName(reader: WireReader, nameField: number, names: Names): MessageWriter {
  return mapped(reader, (field, to) => {
    if (field.field !== nameField) return false;
    to.text(nameField, renamed(field.text(), names));
    return true;
  });
}

function nodeInside(reader: WireReader, names: Names, depth: number): MessageWriter {
  return mapped(reader, (field, to) => {
    if (field.field === NODE.input || field.field === NODE.output) to.text(field.field, renamed(field.text(), names));
    else if (field.field === NODE.attribute) to.message(NODE.attribute, attributeInside(field.message(), names, depth));
    else return false;
    return true;
  });
}

function attributeInside(reader: WireReader, names: Names, depth: number): MessageWriter {
  return mapped(reader, (field, to) => {
    if (field.field !== ATTRIBUTE.g && field.field !== ATTRIBUTE.graphs) return false;
    const graph = new MessageWriter();
    const inner = field.message();
    while (inner.next()) copyInside(inner, graph, names, depth + 1);
    to.message(field.field, graph);
    return true;
  });
}

/** The field at which the reader stands, as it is in the file. */
function fieldBytes(reader: WireReader): Uint8Array {
  return reader.source.bytes(reader.from, reader.finish);
}
