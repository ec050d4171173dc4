import { TidegateError } from '../../contract/error.js';
import type { RequestTensor } from '../../contract/inference.js';
import { invalidJson } from './json-cursor.js';

/**
 * Reads `count` elements and the closing bracket of the array around them. `at` is the offset after the opening bracket, `index` the
 * number of the first element within the tensor. Answers the offset after the closing bracket.
 */
export type ReadRow = (at: number, count: number, index: number) => number;

/**
 * Walks `data`: either one flat list of all elements, or lists nested exactly as the shape says. Elements are read by `readRow`,
 * a list at a time. The recursion is as deep as the shape is long, which `max_tensor_dims` bounds.
 */
export function readRows(source: Uint8Array, tensor: RequestTensor, readRow: ReadRow): void {
  const first = skipSpace(source, tensor.start + 1);
  const nested = source[first] === 0x5b && tensor.shape.length > 1;
  const end = nested ? nestedRows(source, tensor, readRow) : readRow(first, tensor.elements, 0);
  if (end !== tensor.end) throw countMismatch(tensor);
}

function nestedRows(source: Uint8Array, tensor: RequestTensor, readRow: ReadRow): number {
  const { shape } = tensor;
  const innermost = shape.length - 1;
  let index = 0;
  const level = (from: number, dimension: number): number => {
    let at = skipSpace(source, from);
    if (source[at] !== 0x5b) throw nestingMismatch(tensor, at);
    at++;
    const count = shape[dimension];
    if (dimension === innermost) {
      const end = readRow(at, count, index);
      index += count;
      return end;
    }
    for (let i = 0; i < count; i++) {
      if (i > 0) at = pass(source, at, 0x2c, tensor);
      at = level(at, dimension + 1);
    }
    return pass(source, at, 0x5d, tensor);
  };
  return level(tensor.start, 0);
}

function pass(source: Uint8Array, from: number, wanted: number, tensor: RequestTensor): number {
  const at = skipSpace(source, from);
  if (source[at] === wanted) return at + 1;
  if (source[at] === 0x2c || source[at] === 0x5d) throw countMismatch(tensor);
  throw nestingMismatch(tensor, at);
}

/** The offset of the next byte that is no white space. A span of `data` ends with a bracket, so that this never leaves it. */
export function skipSpace(source: Uint8Array, from: number): number {
  let at = from;
  let byte = source[at];
  while (byte <= 0x20 && (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)) byte = source[++at];
  return at;
}

/** After an element: the offset of the next one, or after the closing bracket when it was the `last`. */
export function nextElement(source: Uint8Array, from: number, last: boolean, tensor: RequestTensor): number {
  const at = skipSpace(source, from);
  const byte = source[at];
  if (byte === (last ? 0x5d : 0x2c)) return last ? at + 1 : skipSpace(source, at + 1);
  if (byte === 0x2c || byte === 0x5d) throw countMismatch(tensor);
  throw invalidJson(at, `',' or ']' expected in 'data' of input '${tensor.name}'`);
}

/** A row that must be empty. */
export function emptyRow(source: Uint8Array, from: number, tensor: RequestTensor): number {
  const at = skipSpace(source, from);
  if (source[at] !== 0x5d) throw countMismatch(tensor);
  return at + 1;
}

export function countMismatch(tensor: RequestTensor): TidegateError {
  const kind = tensor.datatype === 'BYTES' ? 'string elements' : 'elements';
  return new TidegateError(
    'INVALID_SHAPE',
    `'data' of input '${tensor.name}' does not match its shape [${tensor.shape.join(',')}], which wants ${tensor.elements} ${kind}`,
  );
}

function nestingMismatch(tensor: RequestTensor, at: number): TidegateError {
  return new TidegateError(
    'INVALID_SHAPE',
    `'data' of input '${tensor.name}' is nested otherwise than its shape [${tensor.shape.join(',')}] says, at byte ${at}: send one flat list, or nest it like the shape`,
  );
}

/** An element that is not what its datatype wants: a grammar error where it is no JSON at all. */
export function elementMismatch(
  source: Uint8Array,
  at: number,
  index: number,
  wanted: string,
  tensor: RequestTensor,
): TidegateError {
  const byte = source[at];
  if (byte === 0x5d)
    return index === 0 || source[previous(source, at)] !== 0x2c
      ? countMismatch(tensor)
      : invalidJson(at, "value expected after ','");
  if (byte === 0x5b) return nestingMismatch(tensor, at);
  const isText = byte === 0x22;
  if (!isText && !startsLiteral(source, at))
    return invalidJson(at, `invalid value in 'data' of input '${tensor.name}'`);
  return invalidValue(tensor, index, isText ? 'a string' : literalAt(source, at), wanted);
}

function previous(source: Uint8Array, from: number): number {
  let at = from - 1;
  while (at > 0 && source[at] <= 0x20) at--;
  return at;
}

const LITERALS = ['true', 'false', 'null'];

function literalAt(source: Uint8Array, at: number): string {
  const text = Buffer.from(source.subarray(at, at + 5)).toString('latin1');
  return LITERALS.find((literal) => text.startsWith(literal)) ?? '';
}

function startsLiteral(source: Uint8Array, at: number): boolean {
  return literalAt(source, at) !== '';
}

export function invalidValue(tensor: RequestTensor, index: number, value: string, wanted: string): TidegateError {
  return new TidegateError(
    'INVALID_VALUE',
    `element ${index} of input '${tensor.name}' must be ${wanted}, got ${value}`,
  );
}
