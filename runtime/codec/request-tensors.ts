import type { Datatype } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { RequestedOutput } from '../../contract/inference.js';
import type { Limits } from '../../contract/limits.js';
import type { JsonCursor } from './json-cursor.js';
import { expectContainer, expectString, isNull, memberName, names, readText, refuseTwice } from './request-members.js';
import { readInputParameters, readOutputParameters } from './request-parameters.js';
import { tensorDataEnd } from './tensor-span.js';

export type CodecLimits = Pick<Limits, 'max_json_depth' | 'max_tensor_dims'>;

/** A tensor while its request is read. `start` is -1 until its data is known; `binary_bytes` is -1 where it is not binary. */
export interface DraftTensor {
  name: string;
  datatype: Datatype;
  shape: readonly number[];
  elements: number;
  encoding: 'json' | 'binary';
  start: number;
  end: number;
  binary_bytes: number;
}

/** More names than this are compared through a set: requests with a million inputs must not cost a million times a million. */
const COMPARED_ONE_BY_ONE = 16;

export function readInputs(cursor: JsonCursor, limits: CodecLimits): DraftTensor[] {
  expectContainer(cursor, 0x5b, "'inputs'");
  const inputs: DraftTensor[] = [];
  if (!cursor.open(0x5d)) return inputs;
  let seen: Set<string> | undefined;
  do {
    const input = readInput(cursor, inputs.length, limits);
    seen = refuseKnown(inputs, seen, input.name, 'input', 'already exists in request');
    inputs.push(input);
  } while (cursor.more(0x5d));
  return inputs;
}

function refuseKnown(
  known: readonly { readonly name: string }[],
  names: Set<string> | undefined,
  name: string,
  what: string,
  complaint: string,
): Set<string> | undefined {
  let seen = names;
  let isKnown = false;
  if (known.length < COMPARED_ONE_BY_ONE) {
    for (const one of known) isKnown ||= one.name === name;
  } else {
    seen ??= new Set(known.map((one) => one.name));
    isKnown = seen.has(name);
    seen.add(name);
  }
  if (isKnown) throw new TidegateError('INVALID_TENSOR_NAME', `${what} '${name}' ${complaint}`);
  return seen;
}

function readInput(cursor: JsonCursor, index: number, limits: CodecLimits): DraftTensor {
  expectContainer(cursor, 0x7b, `inputs[${index}]`);
  let name: string | undefined;
  let datatypeName: string | undefined;
  let datatype: Datatype | undefined;
  let shape: readonly number[] | undefined;
  let start = -1;
  let end = -1;
  let binaryBytes: number | undefined;
  if (cursor.open(0x7d)) {
    do {
      cursor.key();
      switch (memberName(cursor)) {
        case 'name':
          refuseTwice(name, 'name');
          name = readText(cursor, `'name' of inputs[${index}]`);
          break;
        case 'datatype': {
          refuseTwice(datatypeName, 'datatype');
          expectString(cursor, `'datatype' of inputs[${index}]`);
          datatypeName = memberName(cursor);
          datatype = cursor.plain ? names.find(cursor.bytes, cursor.start, cursor.stop).datatype : undefined;
          break;
        }
        case 'shape':
          refuseTwice(shape, 'shape');
          shape = readShape(cursor, index, limits.max_tensor_dims);
          break;
        case 'data':
          if (start !== -1) refuseTwice(start, 'data');
          expectContainer(cursor, 0x5b, `'data' of inputs[${index}]`);
          start = cursor.at;
          end = tensorDataEnd(cursor);
          cursor.at = end;
          break;
        case 'parameters':
          refuseTwice(binaryBytes, 'parameters');
          binaryBytes = isNull(cursor) ? -1 : readInputParameters(cursor, index);
          break;
        default:
          cursor.value();
      }
    } while (cursor.more(0x7d));
  }
  if (name === undefined) throw missing('name', `inputs[${index}]`);
  if (datatypeName === undefined) throw missing('datatype', `input '${name}'`);
  if (datatype === undefined) {
    throw new TidegateError('INVALID_DATATYPE', `invalid datatype for input ${name}: '${datatypeName}'`);
  }
  if (shape === undefined) throw missing('shape', `input '${name}'`);
  return draft(name, datatype, shape, start, end, binaryBytes ?? -1);
}

function missing(member: string, of: string): TidegateError {
  return new TidegateError('INVALID_REQUEST', `${of} has no member '${member}'`);
}

function draft(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  start: number,
  end: number,
  binaryBytes: number,
): DraftTensor {
  if (start === -1 ? binaryBytes < 0 : binaryBytes >= 0) {
    throw new TidegateError(
      'INVALID_REQUEST',
      `input '${name}' must set only one of 'data' and 'binary_data_size' in 'parameters', but ${start === -1 ? 'neither' : 'both'} is set`,
    );
  }
  const elements = elementCount(name, shape);
  const encoding = start === -1 ? 'binary' : 'json';
  return { name, datatype, shape, elements, encoding, start, end, binary_bytes: binaryBytes };
}

export function elementCount(name: string, shape: readonly number[]): number {
  let elements = 1;
  for (let i = 0; i < shape.length; i++) elements *= shape[i];
  if (!Number.isSafeInteger(elements) && !shape.includes(0)) {
    throw new TidegateError(
      'INVALID_SHAPE',
      `shape [${shape.join(',')}] of input '${name}' has more elements than can be counted`,
    );
  }
  return Number.isSafeInteger(elements) ? elements : 0;
}

function readShape(cursor: JsonCursor, index: number, maxDims: number): readonly number[] {
  expectContainer(cursor, 0x5b, `'shape' of inputs[${index}]`);
  const shape: number[] = [];
  if (!cursor.open(0x5d)) return shape;
  do {
    if (shape.length === maxDims) {
      throw new TidegateError('INVALID_SHAPE', `'shape' of inputs[${index}] has more than ${maxDims} dimensions`);
    }
    shape.push(readDimension(cursor, index));
  } while (cursor.more(0x5d));
  return shape;
}

function readDimension(cursor: JsonCursor, index: number): number {
  const first = cursor.peek();
  const start = cursor.at;
  if (first < 0x30 || first > 0x39 || !cursor.number()) {
    if (first < 0x30 || first > 0x39) cursor.value();
    const text = stringOf(cursor, start);
    throw new TidegateError(
      'INVALID_SHAPE',
      `'shape' of inputs[${index}] must hold whole numbers from 0 up, got ${text}`,
    );
  }
  let dimension = 0;
  for (let at = start; at < cursor.at; at++) dimension = dimension * 10 + (cursor.bytes[at] - 0x30);
  if (!Number.isSafeInteger(dimension)) {
    throw new TidegateError(
      'INVALID_SHAPE',
      `'shape' of inputs[${index}] has a dimension that is too large: ${stringOf(cursor, start)}`,
    );
  }
  return dimension;
}

/** What the cursor has just passed, cut to what fits a message. */
function stringOf(cursor: JsonCursor, start: number): string {
  return Buffer.from(cursor.bytes.subarray(start, Math.min(cursor.at, start + 40))).toString('latin1');
}

export function readOutputs(cursor: JsonCursor): RequestedOutput[] {
  expectContainer(cursor, 0x5b, "'outputs'");
  const outputs: RequestedOutput[] = [];
  if (!cursor.open(0x5d)) return outputs;
  let seen: Set<string> | undefined;
  do {
    const output = readOutput(cursor, outputs.length);
    seen = refuseKnown(outputs, seen, output.name, 'output', 'is requested more than once');
    outputs.push(output);
  } while (cursor.more(0x5d));
  return outputs;
}

function readOutput(cursor: JsonCursor, index: number): RequestedOutput {
  expectContainer(cursor, 0x7b, `outputs[${index}]`);
  let name: string | undefined;
  let parameters: Omit<RequestedOutput, 'name'> | undefined;
  if (cursor.open(0x7d)) {
    do {
      cursor.key();
      switch (memberName(cursor)) {
        case 'name':
          refuseTwice(name, 'name');
          name = readText(cursor, `'name' of outputs[${index}]`);
          break;
        case 'parameters':
          refuseTwice(parameters, 'parameters');
          if (!isNull(cursor)) parameters = readOutputParameters(cursor, index);
          break;
        default:
          cursor.value();
      }
    } while (cursor.more(0x7d));
  }
  if (name === undefined) throw missing('name', `outputs[${index}]`);
  return { name, binary: parameters?.binary, classification: parameters?.classification ?? 0 };
}
