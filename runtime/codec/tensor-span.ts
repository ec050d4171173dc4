import { TidegateError } from '../../contract/error.js';
import { invalidJson, type JsonCursor } from './json-cursor.js';

/**
 * The offset after the `data` array that starts at the cursor. Only brackets and strings are followed here: every byte is read
 * again, and checked, when the tensor is decoded.
 */
export function tensorDataEnd(cursor: JsonCursor): number {
  const { bytes, end } = cursor;
  const deepest = cursor.max_depth - cursor.depth;
  let depth = 1;
  let at = cursor.at + 1;
  if (depth > deepest) throw tooDeep(cursor, at);
  while (at < end) {
    const byte = bytes[at++];
    if (byte <= 0x5a) {
      if (byte === 0x22) at = stringEnd(bytes, at, end);
    } else if (byte === 0x5d) {
      if (--depth === 0) return at;
    } else if (byte === 0x5b) {
      if (++depth > deepest) throw tooDeep(cursor, at);
    } else if (byte > 0x7a || byte === 0x5c) {
      throw invalidJson(at - 1, "'data' holds something that is no number, boolean, string or array");
    }
  }
  throw invalidJson(end, "the JSON ends within 'data'");
}

function tooDeep(cursor: JsonCursor, at: number): TidegateError {
  return invalidJson(at - 1, `nesting deeper than ${cursor.max_depth} levels`);
}

/** The offset after the closing quote of a string whose content starts at `from`. */
function stringEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const byte = bytes[at++];
    if (byte === 0x22) return at;
    if (byte === 0x5c) at++;
  }
  throw invalidJson(from - 1, 'string without its closing quote, which opened');
}

/** What `assignBinary` needs of a tensor. `binary_bytes` is -1 where the data is JSON. */
export interface BinarySpan {
  readonly name: string;
  readonly binary_bytes: number;
  start: number;
  end: number;
}

/** Gives the bytes after the JSON to the binary inputs, in order. All of them must be spoken for. */
export function assignBinary(
  inputs: readonly BinarySpan[],
  bodyLength: number,
  jsonLength: number,
  model: string,
): void {
  let at = jsonLength;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i];
    if (input.binary_bytes < 0) continue;
    const missing = input.binary_bytes - (bodyLength - at);
    if (missing > 0) {
      throw new TidegateError(
        'INVALID_BINARY',
        `unexpected size for input '${input.name}', expecting ${missing} additional bytes for model '${model}'`,
      );
    }
    input.start = at;
    at += input.binary_bytes;
    input.end = at;
  }
  if (at !== bodyLength) {
    throw new TidegateError(
      'INVALID_BINARY',
      `unexpected additional input data for model '${model}': ${bodyLength - at} bytes after those that 'binary_data_size' speaks for`,
    );
  }
}
