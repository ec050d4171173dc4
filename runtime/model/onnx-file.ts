import { statSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { TidegateError } from '../../contract/error.js';
import type { ModelSignature, TensorSpec } from '../../contract/signature.js';
import {
  DIMENSION,
  datatypeOfElem,
  elemName,
  GRAPH,
  MODEL,
  SHAPE,
  SPARSE_TENSOR,
  STRING_ENTRY,
  TENSOR,
  TENSOR_TYPE,
  TYPE,
  VALUE_INFO,
} from './onnx-format.js';
import { type ByteSource, FileSource, malformed, WireReader } from './protobuf.js';

/** Shapes for tensors of which the file does not give the rank. */
export type KnownShapes = ReadonlyMap<string, readonly number[]>;

export interface OnnxFile {
  readonly signature: ModelSignature;
  /** Names of files beside the model that hold weights, as the model spells them. */
  readonly external: readonly string[];
  /** Of the file itself. */
  readonly bytes: number;
}

interface Value {
  readonly name: string;
  /** ONNX's number of the element type; 0: not a tensor. */
  readonly elem: number;
  readonly kind: string;
  /** undefined: unknown rank. */
  readonly dims: readonly Dimension[] | undefined;
}

interface Dimension {
  readonly size: number;
  readonly symbol: string;
}

/** Reads the signature out of an ONNX file without its weights. Throws MODEL_LOAD_FAILED with what is wrong with the file. */
export function readOnnxFile(path: string, shapes: KnownShapes = new Map()): OnnxFile {
  let source: FileSource;
  try {
    source = new FileSource(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  try {
    return readOnnx(source, shapes);
  } catch (cause) {
    throw cause instanceof TidegateError ? cause : unreadable(path, cause);
  } finally {
    source.close();
  }
}

function unreadable(path: string, cause: unknown): TidegateError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TidegateError('MODEL_LOAD_FAILED', `cannot read ${path}: ${reason}`, { cause });
}

/** Bytes of the files that hold the model's weights outside of it. What is missing counts nothing: the backend will say so. */
export function externalBytes(artefact: string, external: readonly string[]): number {
  const directory = dirname(artefact);
  let bytes = 0;
  for (const location of external) {
    const path = resolve(directory, location);
    if (path.startsWith(directory + sep)) bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

export function readOnnx(source: ByteSource, shapes: KnownShapes = new Map()): OnnxFile {
  const graph = new GraphNames();
  const reader = new WireReader(source);
  let irVersion = 0;
  let opsets = 0;
  let graphs = 0;
  while (reader.next()) {
    if (reader.field === MODEL.ir_version) irVersion = reader.number();
    if (reader.field === MODEL.opset_import) opsets++;
    if (reader.field === MODEL.graph) {
      graphs++;
      graph.read(reader.message());
    }
  }
  if (graphs === 0) throw malformed(source, source.size, 'it has no graph');
  // A file that was cut right behind its graph is well-formed protobuf: only this shows that something is missing.
  if (irVersion >= 3 && opsets === 0) throw malformed(source, source.size, 'it imports no operator set');
  return { signature: graph.signature(shapes), external: [...graph.external], bytes: source.size };
}

class GraphNames {
  readonly external = new Set<string>();
  readonly #initializers = new Set<string>();
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];

  read(reader: WireReader): void {
    while (reader.next()) {
      switch (reader.field) {
        case GRAPH.initializer:
          this.#initializer(reader.message());
          break;
        case GRAPH.sparse_initializer:
          this.#sparseInitializer(reader.message());
          break;
        case GRAPH.input:
          this.#inputs.push(readValue(reader.message()));
          break;
        case GRAPH.output:
          this.#outputs.push(readValue(reader.message()));
          break;
      }
    }
  }

  signature(shapes: KnownShapes): ModelSignature {
    // Until IR version 4 weights are listed among the inputs; later ones may be there as inputs with a default, which nobody has to send.
    const inputs = this.#inputs.filter((value) => !this.#initializers.has(value.name));
    return { inputs: specs(inputs, 'input', shapes), outputs: specs(this.#outputs, 'output', shapes) };
  }

  #initializer(reader: WireReader): void {
    while (reader.next()) {
      if (reader.field === TENSOR.name) this.#initializers.add(reader.text());
      if (reader.field === TENSOR.external_data) this.#externalData(reader.message());
    }
  }

  #sparseInitializer(reader: WireReader): void {
    while (reader.next()) {
      if (reader.field === SPARSE_TENSOR.values) this.#initializer(reader.message());
    }
  }

  #externalData(reader: WireReader): void {
    let key = '';
    let value = '';
    while (reader.next()) {
      if (reader.field === STRING_ENTRY.key) key = reader.text();
      if (reader.field === STRING_ENTRY.value) value = reader.text();
    }
    if (key === 'location') this.external.add(value);
  }
}

function readValue(reader: WireReader): Value {
  let name = '';
  let elem = 0;
  let kind = 'a value without a type';
  let dims: readonly Dimension[] | undefined;
  while (reader.next()) {
    if (reader.field === VALUE_INFO.name) name = reader.text();
    if (reader.field !== VALUE_INFO.type) continue;
    const type = reader.message();
    while (type.next()) {
      kind = kindOfType(type.field) ?? kind;
      if (type.field === TYPE.tensor) ({ elem, dims } = readTensorType(type.message()));
    }
  }
  return { name, elem, kind, dims };
}

function kindOfType(field: number): string | undefined {
  switch (field) {
    case TYPE.tensor:
      return 'a tensor';
    case TYPE.sequence:
      return 'a sequence';
    case TYPE.map:
      return 'a map';
    case TYPE.sparse_tensor:
      return 'a sparse tensor';
    case TYPE.optional:
      return 'an optional value';
  }
  return undefined;
}

function readTensorType(reader: WireReader): { elem: number; dims: readonly Dimension[] | undefined } {
  let elem = 0;
  let dims: Dimension[] | undefined;
  while (reader.next()) {
    if (reader.field === TENSOR_TYPE.elem_type) elem = reader.number();
    if (reader.field !== TENSOR_TYPE.shape) continue;
    dims = [];
    const shape = reader.message();
    while (shape.next()) if (shape.field === SHAPE.dim) dims.push(readDimension(shape.message()));
  }
  return { elem, dims };
}

function readDimension(reader: WireReader): Dimension {
  let size = -1;
  let symbol = '';
  while (reader.next()) {
    if (reader.field === DIMENSION.dim_value) size = reader.number();
    if (reader.field === DIMENSION.dim_param) symbol = reader.text();
  }
  // Some exporters write -1 where they mean a variable dimension.
  return size < 0 ? { size: -1, symbol } : { size, symbol: '' };
}

type Role = 'input' | 'output';

function specs(values: readonly Value[], role: Role, shapes: KnownShapes): TensorSpec[] {
  const names = new Set<string>();
  return values.map((value) => {
    if (value.name === '') throw refused(`an ${role} has no name`);
    if (names.has(value.name)) throw refused(`${role} '${value.name}' is there twice`);
    names.add(value.name);
    return spec(value, role, shapes);
  });
}

function spec({ name, elem, kind, dims }: Value, role: Role, shapes: KnownShapes): TensorSpec {
  if (kind !== 'a tensor') {
    throw refused(
      `${role} '${name}' is ${kind}: the protocol carries tensors only, export the model without it (scikit-learn: zipmap=False)`,
    );
  }
  const datatype = datatypeOfElem(elem);
  if (datatype === undefined) {
    throw refused(
      `${role} '${name}' has type ${elemName(elem)}, which the protocol does not know: put a Cast into the model`,
    );
  }
  if (dims !== undefined) {
    return { name, datatype, shape: dims.map((dim) => dim.size), symbols: dims.map((dim) => dim.symbol) };
  }
  const shape = shapes.get(name);
  if (shape === undefined) {
    throw refused(
      `the file does not say how many dimensions ${role} '${name}' has: give them in model.yaml, as ${role}s: {${name}: {shape: [-1, …]}}`,
    );
  }
  return { name, datatype, shape: [...shape], symbols: shape.map(() => '') };
}

function refused(reason: string): TidegateError {
  return new TidegateError('MODEL_LOAD_FAILED', reason);
}
