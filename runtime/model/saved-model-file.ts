import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Datatype } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { ModelSignature, TensorSpec } from '../../contract/signature.js';
import type { KnownShapes } from './onnx-file.js';
import { FileSource, WireReader } from './protobuf.js';

/** What a SavedModel says of one tensor of a signature. */
export interface SavedTensor {
  /** By which callers know it. */
  readonly key: string;
  /** In the graph, as `operation:index`. */
  readonly tensor: string;
  /** TensorFlow's number. */
  readonly dtype: number;
  /** undefined: the file does not say how many dimensions it has. */
  readonly shape: readonly number[] | undefined;
}

export interface SavedSignature {
  readonly name: string;
  readonly inputs: readonly SavedTensor[];
  readonly outputs: readonly SavedTensor[];
}

export interface SavedModelFile {
  readonly signature: ModelSignature;
  readonly saved: SavedSignature;
  /** Of the graph to serve, as the runtime wants them. */
  readonly tags: string;
  readonly bytes: number;
}

/** TensorFlow's numbers of what its binding for Node.js carries in and out. */
const DATATYPE_OF: ReadonlyMap<number, Datatype> = new Map([
  [1, 'FP32'],
  [3, 'INT32'],
  [4, 'UINT8'],
  [7, 'BYTES'],
  [9, 'INT64'],
  [10, 'BOOL'],
]);
const DTYPE_NAMES: ReadonlyMap<number, string> = new Map([
  ...([
    [2, 'DT_DOUBLE'],
    [5, 'DT_INT16'],
    [6, 'DT_INT8'],
    [8, 'DT_COMPLEX64'],
    [14, 'DT_BFLOAT16'],
  ] as const),
  ...([
    [17, 'DT_UINT16'],
    [19, 'DT_HALF'],
    [22, 'DT_UINT32'],
    [23, 'DT_UINT64'],
    [20, 'DT_RESOURCE'],
  ] as const),
]);
const DEFAULT_SIGNATURE = 'serving_default';
/** Starts the variables; nobody asks for it. */
const INITIALISER = '__saved_model_init_op';

/** Reads a `saved_model.pb` without TensorFlow. `wanted`: the signature to serve; '': the usual one, or the only one. */
export function readSavedModel(path: string, shapes: KnownShapes = new Map(), wanted = ''): SavedModelFile {
  const { signatures, tags } = readSignatures(path);
  const saved = chosen(signatures, wanted, path);
  const spec = (role: string, tensor: SavedTensor) => specOf(role, tensor, shapes);
  return {
    signature: {
      inputs: saved.inputs.map((tensor) => spec('input', tensor)),
      outputs: saved.outputs.map((tensor) => spec('output', tensor)),
    },
    saved,
    tags,
    bytes: wholeBytes(dirname(path)),
  };
}

function chosen(signatures: readonly SavedSignature[], wanted: string, path: string): SavedSignature {
  const names = signatures.map(({ name }) => name).join(', ');
  if (signatures.length === 0)
    throw refused(`${path} has no signature: save the model with signatures, such as ${DEFAULT_SIGNATURE}`);
  if (wanted !== '') {
    const found = signatures.find(({ name }) => name === wanted);
    if (found === undefined) throw refused(`the SavedModel has no signature '${wanted}'; it has ${names}`);
    return found;
  }
  const usual = signatures.find(({ name }) => name === DEFAULT_SIGNATURE);
  if (usual !== undefined) return usual;
  if (signatures.length > 1)
    throw refused(
      `the SavedModel has the signatures ${names}: say in model.yaml which one is served, as signature: NAME`,
    );
  return signatures[0];
}

function readSignatures(path: string): { signatures: SavedSignature[]; tags: string } {
  let source: FileSource;
  try {
    source = new FileSource(path);
  } catch (cause) {
    throw refused(`cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  try {
    const graphs: { tags: string[]; signatures: SavedSignature[] }[] = [];
    const reader = new WireReader(source);
    while (reader.next()) if (reader.field === 2) graphs.push(readGraph(reader.message()));
    const serving = graphs.find(({ tags }) => tags.includes('serve')) ?? graphs[0];
    if (serving === undefined) throw refused(`${path} holds no graph: it is not a whole SavedModel`);
    return { signatures: serving.signatures, tags: serving.tags.join(',') };
  } finally {
    source.close();
  }
}

function readGraph(graph: WireReader): { tags: string[]; signatures: SavedSignature[] } {
  const tags: string[] = [];
  const signatures: SavedSignature[] = [];
  while (graph.next()) {
    if (graph.field === 1) {
      const info = graph.message();
      while (info.next()) if (info.field === 4) tags.push(info.text());
    } else if (graph.field === 5) {
      const { key, value } = readEntry(graph.message());
      if (value !== undefined && key !== INITIALISER) signatures.push(readSignature(key, value));
    }
  }
  return { tags, signatures };
}

/** One entry of a map is a message of its key and its value. */
function readEntry(entry: WireReader): { key: string; value: WireReader | undefined } {
  let key = '';
  let value: WireReader | undefined;
  while (entry.next()) {
    if (entry.field === 1) key = entry.text();
    if (entry.field === 2) value = entry.message();
  }
  return { key, value };
}

/** Maps have no order in the file: names are sorted, so that every load gives the same one. */
function readSignature(name: string, signature: WireReader): SavedSignature {
  const inputs: SavedTensor[] = [];
  const outputs: SavedTensor[] = [];
  while (signature.next()) {
    if (signature.field !== 1 && signature.field !== 2) continue;
    const { key, value } = readEntry(signature.message());
    if (value !== undefined) (signature.field === 1 ? inputs : outputs).push(readTensor(key, value));
  }
  const byKey = (a: SavedTensor, b: SavedTensor) => (a.key < b.key ? -1 : 1);
  return { name, inputs: inputs.sort(byKey), outputs: outputs.sort(byKey) };
}

function readTensor(key: string, info: WireReader): SavedTensor {
  let tensor = '';
  let dtype = 0;
  let shape: number[] | undefined;
  while (info.next()) {
    if (info.field === 1) tensor = info.text();
    if (info.field === 2) dtype = info.number();
    if (info.field === 3) shape = readShape(info.message());
  }
  return { key, tensor, dtype, shape };
}

function readShape(message: WireReader): number[] | undefined {
  const shape: number[] = [];
  let isKnown = true;
  while (message.next()) {
    if (message.field === 3 && message.number() !== 0) isKnown = false;
    if (message.field !== 2) continue;
    let size = 0;
    const dim = message.message();
    while (dim.next()) if (dim.field === 1) size = dim.number();
    shape.push(Math.max(size, -1));
  }
  return isKnown ? shape : undefined;
}

function specOf(role: string, { key: name, dtype, shape }: SavedTensor, shapes: KnownShapes): TensorSpec {
  const datatype = DATATYPE_OF.get(dtype);
  if (datatype === undefined)
    throw refused(
      `${role} '${name}' has type ${DTYPE_NAMES.get(dtype) ?? `number ${dtype}`}, which TensorFlow's binding for Node.js does not carry: ` +
        'it has DT_FLOAT, DT_INT32, DT_INT64, DT_UINT8, DT_BOOL and DT_STRING, cast to one of them in the model',
    );
  const known = shape ?? shapes.get(name);
  if (known === undefined)
    throw refused(
      `the SavedModel does not say how many dimensions ${role} '${name}' has: give them in model.yaml, as ${role}s: {${name}: {shape: [-1, …]}}`,
    );
  return { name, datatype, shape: [...known], symbols: known.map(() => '') };
}

const SHARD = /^variables\.data-\d{5}-of-(\d{5})$/;

/** Bytes of the whole directory. Variables of which only a part was copied are an error that says which are missing. */
function wholeBytes(directory: string): number {
  const variables = join(directory, 'variables');
  const names = existsSync(variables) ? readdirSync(variables) : [];
  const shards = names.filter((name) => SHARD.test(name));
  const wanted = Math.max(0, ...shards.map((name) => Number(SHARD.exec(name)?.[1] ?? 0)));
  if (names.length > 0 && (shards.length === 0 || shards.length < wanted || !names.includes('variables.index')))
    throw refused(`${variables} is not whole: it holds ${names.sort().join(', ')}. Copy the directory again`);
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const stats = statSync(join(directory, entry));
    if (stats.isFile()) bytes += stats.size;
  }
  return bytes;
}

function refused(reason: string): TidegateError {
  return new TidegateError('MODEL_LOAD_FAILED', reason);
}
