import { DATATYPE_BYTES, type Datatype, isDatatype } from '../contract/datatype.js';
import { badAnswer, invalidArgument } from './error.js';

export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

export type TensorValues = NumericArray | readonly (number | bigint | boolean)[] | readonly (string | Uint8Array)[];

/** An input in full. What is left out is taken from the model's signature. */
export interface TensorInput {
  readonly data: TensorValues;
  readonly datatype?: Datatype;
  readonly shape?: readonly number[];
}

/**
 * An input: values alone, or with datatype and shape. A typed array says its datatype itself (`Uint8Array` is BOOL where the model
 * takes BOOL, `Uint16Array` is FP16 or BF16 where it takes that); plain arrays are converted to what the model takes.
 */
export type InputValue = TensorValues | TensorInput;

/** What is known of a model's input or output; -1 is a variable dimension. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

export interface OutputTensor extends TensorSpec {
  readonly datatype: Datatype;
  /** FP16 and BF16 come as the bits of each number, BOOL as 0 and 1, INT64 as bigints, BYTES as UTF-8 strings. */
  readonly data: NumericArray | string[];
  /** The tensor as it was sent. BYTES: for each element its length (u32, little-endian), then its bytes. */
  readonly raw: Uint8Array;
}

/** An input ready to be sent. */
export interface EncodedTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const ARRAYS = {
  FP32: Float32Array,
  FP64: Float64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  BOOL: Uint8Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
} as const;

type NumericDatatype = keyof typeof ARRAYS;

const INTEGER_RANGE: Readonly<Record<string, readonly [low: bigint, high: bigint]>> = {
  BOOL: [0n, 1n],
  INT8: [-(2n ** 7n), 2n ** 7n - 1n],
  INT16: [-(2n ** 15n), 2n ** 15n - 1n],
  INT32: [-(2n ** 31n), 2n ** 31n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  UINT8: [0n, 2n ** 8n - 1n],
  UINT16: [0n, 2n ** 16n - 1n],
  UINT32: [0n, 2n ** 32n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
};

/** Whether the input can be sent without knowing the model's signature. */
export function isComplete(value: InputValue): boolean {
  if (!isTensorInput(value)) return false;
  return value.shape !== undefined && (value.datatype !== undefined || ownDatatype(value.data) !== undefined);
}

/** Throws INVALID_ARGUMENT. Typed arrays are not copied: the caller joins the bytes into a frame before anything else happens. */
export function encodeTensor(name: string, value: InputValue, spec: TensorSpec | undefined): EncodedTensor {
  const input: TensorInput = isTensorInput(value) ? value : { data: value };
  const { data } = input;
  const datatype = input.datatype ?? datatypeFor(name, data, spec);
  const shape = input.shape ?? shapeFor(name, spec, data.length);
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (elements !== data.length) {
    throw invalidArgument(
      `input '${name}' has ${data.length} values, its shape [${shape.join(',')}] takes ${elements}`,
    );
  }
  return { name, datatype, shape, bytes: valueBytes(name, data, datatype) };
}

export function decodeOutput(
  name: string,
  datatype: string,
  shape: readonly number[],
  bytes: Uint8Array,
): OutputTensor {
  if (!isDatatype(datatype)) throw badAnswer(`output '${name}' has the unknown datatype '${datatype}'`);
  if (datatype === 'BYTES') return { name, datatype, shape, data: stringsOf(name, bytes), raw: bytes };
  if (bytes.length % DATATYPE_BYTES[datatype] !== 0) {
    throw badAnswer(`output '${name}' has ${bytes.length} bytes, which is no whole number of ${datatype}`);
  }
  // A copy, since the tensor may lie at any offset and typed arrays must be aligned.
  const copy = Uint8Array.from(bytes);
  return { name, datatype, shape, data: new ARRAYS[datatype](copy.buffer), raw: bytes };
}

/** An output whose elements came as JSON. */
export function outputFromJson(
  name: string,
  datatype: string,
  shape: readonly number[],
  data: readonly unknown[],
): OutputTensor {
  if (!isDatatype(datatype)) throw badAnswer(`output '${name}' has the unknown datatype '${datatype}'`);
  const values = data.flat(Number.POSITIVE_INFINITY).filter(isElement);
  return decodeOutput(name, datatype, shape, valueBytes(name, values, datatype));
}

function isElement(value: unknown): value is number | boolean | string {
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
}

function isTensorInput(value: InputValue): value is TensorInput {
  return !Array.isArray(value) && !ArrayBuffer.isView(value) && 'data' in value;
}

function ownDatatype(data: TensorValues): Datatype | undefined {
  if (data instanceof Float32Array) return 'FP32';
  if (data instanceof Float64Array) return 'FP64';
  if (data instanceof Int8Array) return 'INT8';
  if (data instanceof Int16Array) return 'INT16';
  if (data instanceof Int32Array) return 'INT32';
  if (data instanceof BigInt64Array) return 'INT64';
  if (data instanceof Uint8Array) return 'UINT8';
  if (data instanceof Uint16Array) return 'UINT16';
  if (data instanceof Uint32Array) return 'UINT32';
  if (data instanceof BigUint64Array) return 'UINT64';
  const first: unknown = data[0];
  if (typeof first === 'string' || first instanceof Uint8Array) return 'BYTES';
  if (typeof first === 'boolean') return 'BOOL';
  return undefined;
}

function datatypeFor(name: string, data: TensorValues, spec: TensorSpec | undefined): Datatype {
  const own = ownDatatype(data);
  const wanted = spec?.datatype;
  if (wanted !== undefined && isDatatype(wanted)) {
    const sameBits =
      (own === 'UINT8' && wanted === 'BOOL') || (own === 'UINT16' && (wanted === 'FP16' || wanted === 'BF16'));
    if (own === undefined || sameBits) return wanted;
  }
  if (own !== undefined) return own;
  throw invalidArgument(`the datatype of input '${name}' is not known: give {datatype, shape, data}`);
}

/**
 * The shape that `count` values have in a signature: what is variable is worked out where only one answer is possible; a batch in
 * front of other variable dimensions is 1.
 */
function shapeFor(name: string, spec: TensorSpec | undefined, count: number): readonly number[] {
  if (spec === undefined) return [1, count];
  const shape = [...spec.shape];
  if (shape.filter((dim) => dim < 0).length > 1 && shape[0] < 0) shape[0] = 1;
  const variable = shape.flatMap((dim, axis) => (dim < 0 ? [axis] : []));
  const fixed = shape.reduce((product, dim) => (dim < 0 ? product : product * dim), 1);
  if (variable.length === 1 && fixed > 0 && count % fixed === 0) {
    shape[variable[0]] = count / fixed;
    return shape;
  }
  if (variable.length === 0 && fixed === count) return shape;
  throw invalidArgument(
    `${count} values do not tell the shape of input '${name}', which is [${spec.shape.join(',')}]: give {shape, data}`,
  );
}

function valueBytes(name: string, data: NumericArray | readonly unknown[], datatype: Datatype): Uint8Array {
  if (datatype === 'BYTES') return stringBytes(name, data);
  if (ArrayBuffer.isView(data)) {
    if (data.BYTES_PER_ELEMENT !== DATATYPE_BYTES[datatype]) {
      throw invalidArgument(`input '${name}' is ${datatype}, of which no ${data.constructor.name} can be made`);
    }
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return numberBytes(name, data, datatype);
}

function numberBytes(name: string, data: readonly unknown[], datatype: NumericDatatype): Uint8Array {
  const wide = datatype === 'INT64' || datatype === 'UINT64';
  const array = new ARRAYS[datatype](data.length);
  for (const [index, given] of data.entries()) {
    const value = typeof given === 'boolean' ? Number(given) : given;
    if ((typeof value !== 'number' && typeof value !== 'bigint') || !fits(value, datatype)) {
      throw invalidArgument(`element ${index} of input '${name}' is ${String(given)}, which is no ${datatype}`);
    }
    if (wide && (array instanceof BigInt64Array || array instanceof BigUint64Array)) array[index] = BigInt(value);
    else array[index] = Number(value);
  }
  return new Uint8Array(array.buffer);
}

function fits(value: number | bigint, datatype: NumericDatatype): boolean {
  if (datatype === 'FP32' || datatype === 'FP64') return true;
  const range = INTEGER_RANGE[datatype];
  // Halves have no conversion here: their bits are given as a Uint16Array.
  if (range === undefined || (typeof value === 'number' && !Number.isInteger(value))) return false;
  return value >= range[0] && value <= range[1];
}

function stringBytes(name: string, data: Iterable<unknown>): Uint8Array {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const value of data) {
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
      throw invalidArgument(
        `input '${name}' is BYTES: its values must be strings or Uint8Arrays, got ${String(value)}`,
      );
    }
    const part = typeof value === 'string' ? encoder.encode(value) : value;
    parts.push(part);
    length += 4 + part.length;
  }
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}

function stringsOf(name: string, bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  const strings: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + 4 <= bytes.length ? at + 4 + view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (end > bytes.length) throw badAnswer(`output '${name}' ends within an element`);
    strings.push(decoder.decode(bytes.subarray(at + 4, end)));
    at = end;
  }
  return strings;
}
