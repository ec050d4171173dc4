import type { Datatype } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { ModelSignature, TensorSpec } from '../../contract/signature.js';
import type { KnownShapes } from './onnx-file.js';
import { type GraphNode, GraphSchema, type TensorInfo, type TfjsGraph, type TfjsModel } from './tfjs-format.js';

/**
 * By TensorFlow's name, and by its number: both are written. Whole numbers of other widths are 32 bits wide inside of the library;
 * the backend converts them at its edges, and refuses values that do not fit.
 */
const DATATYPE_OF: ReadonlyMap<string | number, Datatype> = new Map<string | number, Datatype>([
  ['DT_FLOAT', 'FP32'],
  [1, 'FP32'],
  ['DT_INT32', 'INT32'],
  [3, 'INT32'],
  ['DT_UINT8', 'UINT8'],
  [4, 'UINT8'],
  ['DT_INT8', 'INT8'],
  [6, 'INT8'],
  ['DT_STRING', 'BYTES'],
  [7, 'BYTES'],
  ['DT_INT64', 'INT64'],
  [9, 'INT64'],
  ['DT_BOOL', 'BOOL'],
  [10, 'BOOL'],
]);

/** Operators whose results may have any size or that may loop: the library runs them asynchronously only. */
const ASYNCHRONOUS: ReadonlySet<string> = new Set([
  ...['Switch', 'Merge', 'Enter', 'Exit', 'NextIteration', 'StatelessIf', 'StatelessWhile', 'If', 'While'],
  ...['NonMaxSuppressionV2', 'NonMaxSuppressionV3', 'NonMaxSuppressionV5', 'Where'],
  ...['HashTable', 'HashTableV2', 'LookupTableImport', 'LookupTableImportV2'],
  ...['LookupTableFind', 'LookupTableFindV2', 'LookupTableSize', 'LookupTableSizeV2'],
]);

/** Operators whose result has a type of its own, whatever they are given. */
const TRUTH_VALUES: ReadonlySet<string> = new Set([
  ...['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'IsNan', 'IsInf', 'IsFinite'],
  ...['LogicalAnd', 'LogicalOr', 'LogicalNot', 'All', 'Any'],
]);
/** Where a node says the type of its result, the surest first. */
const TYPE_ATTRIBUTES = ['dtype', 'DstT', 'out_type', 'output_type', 'Tparams', 'T'];
/** Nodes that nothing follows, and that are no result all the same. */
const NO_RESULTS: ReadonlySet<string> = new Set(['Placeholder', 'PlaceholderWithDefault', 'Const', 'NoOp', 'Assert']);

type Role = 'input' | 'output';

/** What the converter wrote into the file; of a graph that says nothing, its placeholders and the nodes that nothing follows. */
export function graphSignature(model: TfjsModel, shapes: KnownShapes): ModelSignature {
  const graph = graphOf(model);
  const written = [model.signature, model.userDefinedMetadata?.signature].find(
    (signature) => signature !== undefined && signature !== null && Object.keys(signature.outputs).length > 0,
  );
  const nodes = new Map(graph.node.map((node) => [node.name, node]));
  const inputs = Object.entries(written?.inputs ?? {});
  const outputs = Object.entries(written?.outputs ?? {});
  const given = inputs.length > 0 ? inputs : placeholders(graph);
  const results = outputs.length > 0 ? outputs : lastNodes(graph);
  if (given.length === 0 || results.length === 0)
    throw refused(
      'the GraphModel has no signature, and its graph no placeholders or no results to take in their place',
    );
  return {
    inputs: given.map(([name, info]) => spec(name, completed(name, info, nodes), 'input', shapes)),
    outputs: results.map(([name, info]) => spec(name, completed(name, info, nodes), 'output', shapes)),
  };
}

export function needsAsynchronousRun(model: TfjsModel): boolean {
  const { node, library } = graphOf(model);
  const nodes = [...node, ...(library?.function ?? []).flatMap(({ nodeDef }) => nodeDef)];
  return nodes.some(({ op }) => ASYNCHRONOUS.has(op));
}

function graphOf(model: TfjsModel): TfjsGraph {
  const graph = GraphSchema.safeParse(model.modelTopology);
  if (!graph.success)
    throw refused('the GraphModel has no graph: its modelTopology is no list of nodes with their versions');
  return graph.data;
}

function placeholders({ node }: TfjsGraph): [string, TensorInfo][] {
  return node.filter(({ op }) => op === 'Placeholder').map(({ name }) => [name, { dtype: undefined }]);
}

/** In the order of the file. Control dependencies, which begin with a caret, count as followers. */
function lastNodes({ node }: TfjsGraph): [string, TensorInfo][] {
  const followed = new Set(node.flatMap(({ input }) => input.map(nodeName)));
  return node
    .filter(({ name, op }) => !followed.has(name) && !NO_RESULTS.has(op))
    .map(({ name }) => [name, { dtype: undefined }]);
}

/** Converters leave out types and shapes that the node itself tells. */
function completed(name: string, info: TensorInfo, nodes: ReadonlyMap<string, GraphNode>): TensorInfo {
  const node = nodes.get(nodeName(info.name ?? name));
  if (node === undefined) return info;
  const dtype = info.dtype ?? typeOf(node);
  const tensorShape = info.tensorShape ?? node.attr['shape']?.shape;
  return {
    ...info,
    ...(dtype === undefined ? {} : { dtype }),
    ...(tensorShape === undefined ? {} : { tensorShape }),
  };
}

function typeOf({ op, attr }: GraphNode): string | number | undefined {
  if (TRUTH_VALUES.has(op)) return 'DT_BOOL';
  return TYPE_ATTRIBUTES.map((name) => attr[name]?.type).find((type) => type !== undefined);
}

function nodeName(tensor: string): string {
  return tensor.replace(/^\^/, '').replace(/:\d+$/, '');
}

function spec(name: string, { dtype, tensorShape }: TensorInfo, role: Role, shapes: KnownShapes): TensorSpec {
  const datatype = dtype === undefined ? undefined : DATATYPE_OF.get(dtype);
  if (datatype === undefined) {
    throw refused(
      `${role} '${name}' has type ${dtype ?? 'unknown'}, which TensorFlow.js has no kernels for: it has DT_FLOAT, DT_BOOL, DT_STRING and ` +
        'whole numbers of up to 32 bits, cast to one of them in the model',
    );
  }
  const known = shapes.get(name);
  const isOpen = tensorShape === undefined || tensorShape.unknownRank === true;
  if (!isOpen) {
    const shape = (tensorShape.dim ?? []).map(({ size }) => dimension(name, size));
    return { name, datatype, shape, symbols: shape.map(() => '') };
  }
  if (known === undefined) {
    throw refused(
      `the file does not say how many dimensions ${role} '${name}' has: give them in model.yaml, as ${role}s: {${name}: {shape: [-1, …]}}`,
    );
  }
  return { name, datatype, shape: [...known], symbols: known.map(() => '') };
}

/** Protobuf's JSON writes 64-bit numbers as text, and leaves out a zero. */
function dimension(name: string, size: string | number | undefined): number {
  const value = Number(size ?? 0);
  if (!Number.isSafeInteger(value)) throw refused(`'${name}' has a dimension of ${size}, which is no number`);
  return Math.max(value, -1);
}

function refused(reason: string): TidegateError {
  return new TidegateError('MODEL_LOAD_FAILED', reason);
}
