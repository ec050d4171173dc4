import type { Datatype } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { ModelSignature, TensorSpec } from '../../contract/signature.js';
import type { KnownShapes } from './onnx-file.js';
import { GraphSchema, type GraphSignature, type TensorInfo, type TfjsGraph, type TfjsModel } from './tfjs-format.js';

/** By TensorFlow's name, and by its number: both are written. */
const DATATYPE_OF: ReadonlyMap<string | number, Datatype> = new Map<string | number, Datatype>([
  ['DT_FLOAT', 'FP32'],
  [1, 'FP32'],
  ['DT_INT32', 'INT32'],
  [3, 'INT32'],
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

type Role = 'input' | 'output';

/** The signature that the converter wrote into the file; a graph without one does not say what its outputs are. */
export function graphSignature(model: TfjsModel, shapes: KnownShapes): ModelSignature {
  graphOf(model);
  const signature = writtenSignature(model);
  if (signature === undefined) {
    throw refused(
      'the GraphModel has no signature: convert it again with tensorflowjs_converter 1.3 or newer, which writes one',
    );
  }
  return {
    inputs: Object.entries(signature.inputs).map(([name, info]) => spec(name, info, 'input', shapes)),
    outputs: Object.entries(signature.outputs).map(([name, info]) => spec(name, info, 'output', shapes)),
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

function writtenSignature(model: TfjsModel): GraphSignature | undefined {
  for (const signature of [model.signature, model.userDefinedMetadata?.signature]) {
    if (signature === undefined || signature === null) continue;
    if (Object.keys(signature.inputs).length > 0 && Object.keys(signature.outputs).length > 0) return signature;
  }
  return undefined;
}

function spec(name: string, { dtype, tensorShape }: TensorInfo, role: Role, shapes: KnownShapes): TensorSpec {
  const datatype = dtype === undefined ? undefined : DATATYPE_OF.get(dtype);
  if (datatype === undefined) {
    throw refused(
      `${role} '${name}' has type ${dtype ?? 'unknown'}, which TensorFlow.js has no kernels for: it has DT_FLOAT, DT_INT32 and DT_BOOL, ` +
        'cast to one of them in the model',
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
