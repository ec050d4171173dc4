import { TidegateError } from '../../contract/error.js';
import type { RequestTensor } from '../../contract/inference.js';
import { checkedStringEnd, decodedStringLength, decodeString } from './json-string.js';
import type { SlabViews } from './slab-views.js';
import { elementMismatch, emptyRow, nextElement, readRows, skipSpace } from './tensor-rows.js';

const LENGTH_BYTES = 4;

/** Bytes that a BYTES tensor in JSON takes in binary form. Checks every string, and their number against the shape. */
export function stringsByteLength(source: Uint8Array, tensor: RequestTensor): number {
  let total = 0;
  eachString(source, tensor, (start, stop) => {
    total += LENGTH_BYTES + decodedStringLength(source, start, stop);
  });
  return total;
}

export function decodeStrings(source: Uint8Array, tensor: RequestTensor, memory: SlabViews, offset: number): void {
  const target = memory.u8;
  let at = offset;
  eachString(source, tensor, (start, stop) => {
    const end = decodeString(source, start, stop, target, at + LENGTH_BYTES);
    writeLength(target, at, end - at - LENGTH_BYTES);
    at = end;
  });
}

function writeLength(target: Uint8Array, at: number, length: number): void {
  target[at] = length;
  target[at + 1] = length >> 8;
  target[at + 2] = length >> 16;
  target[at + 3] = length >> 24;
}

function eachString(source: Uint8Array, tensor: RequestTensor, visit: (start: number, stop: number) => void): void {
  readRows(source, tensor, (from, count, first) => {
    if (count === 0) return emptyRow(source, from, tensor);
    let at = skipSpace(source, from);
    for (let i = 0; i < count; i++) {
      if (source[at] !== 0x22) throw numberMismatch(source, at, first + i, tensor);
      const stop = checkedStringEnd(source, at + 1, tensor.end, at);
      visit(at + 1, stop);
      at = nextElement(source, stop + 1, i + 1 === count, tensor);
    }
    return at;
  });
}

function numberMismatch(source: Uint8Array, at: number, index: number, tensor: RequestTensor): TidegateError {
  const byte = source[at];
  if (byte !== 0x2d && (byte < 0x30 || byte > 0x39)) return elementMismatch(source, at, index, 'a string', tensor);
  return new TidegateError(
    'INVALID_VALUE',
    `element ${index} of input '${tensor.name}' must be a string, got a number`,
  );
}

/** Walks a BYTES tensor in binary form: the lengths must lead exactly to its end, and there must be as many as the shape says. */
export function checkBytesTensor(source: Uint8Array, tensor: RequestTensor): void {
  let at = tensor.start;
  let count = 0;
  while (at < tensor.end) {
    const available = tensor.end - at - LENGTH_BYTES;
    if (available < 0) {
      throw new TidegateError(
        'INVALID_BINARY',
        `incomplete string length indicator for inference input '${tensor.name}', expecting ${LENGTH_BYTES} bytes but only ${tensor.end - at} bytes available`,
      );
    }
    const length = (source[at] | (source[at + 1] << 8) | (source[at + 2] << 16) | (source[at + 3] << 24)) >>> 0;
    if (length > available) {
      throw new TidegateError(
        'INVALID_BINARY',
        `incomplete string data for inference input '${tensor.name}', expecting string of length ${length} but only ${available} bytes available`,
      );
    }
    at += LENGTH_BYTES + length;
    count++;
  }
  if (count !== tensor.elements) {
    throw new TidegateError(
      'INVALID_SHAPE',
      `expected ${tensor.elements} string elements for inference input '${tensor.name}', got ${count}`,
    );
  }
}
