import type { RequestTensor } from '../../contract/inference.js';
import { EXACT_INTEGER, EXACT_POWER, numberEnd, numberText, POWERS_OF_TEN } from './number-scan.js';
import type { SlabViews } from './slab-views.js';
import { elementMismatch, emptyRow, invalidValue, nextElement, readRows, skipSpace } from './tensor-rows.js';

/** From here on a double rounds to infinity as a float: the largest float plus half its last place. */
const FLOAT_OVERFLOW = 3.4028235677973366e38;

/**
 * Relative error that `quick` may have, generously: digits above 2^53 add up with at most 14 roundings, scaling adds two.
 */
const QUICK_ERROR = 2 ** -48;
const QUICK_LIMIT = 1e22;

/** Decodes FP32 or FP64 from JSON. Every value is the double nearest to the text, and FP32 the float nearest to that double. */
export function decodeFloats(source: Uint8Array, tensor: RequestTensor, memory: SlabViews, offset: number): void {
  const single = tensor.datatype === 'FP32';
  const base = single ? offset >> 2 : offset >> 3;
  readRows(source, tensor, (at, count, index) =>
    single
      ? singles(source, tensor, memory.f32, base, at, count, index)
      : doubles(source, tensor, memory.f64, base, at, count, index),
  );
}

/** Reads one list of floats. This is the hottest loop of a request: it makes no call and no object for an ordinary number. */
function singles(
  source: Uint8Array,
  tensor: RequestTensor,
  out: Float32Array,
  base: number,
  from: number,
  count: number,
  first: number,
): number {
  if (count === 0) return emptyRow(source, from, tensor);
  let at = skipSpace(source, from);
  for (let i = 0; i < count; i++) {
    const start = at;
    let byte = source[at];
    const negative = byte === 0x2d;
    if (negative) byte = source[++at];
    let mantissa = 0;
    let scale = 0;
    if (byte === 0x30) {
      byte = source[++at];
    } else {
      if (byte < 0x31 || byte > 0x39) throw elementMismatch(source, start, first + i, 'a number', tensor);
      do {
        mantissa = mantissa * 10 + (byte - 0x30);
        byte = source[++at];
      } while (byte >= 0x30 && byte <= 0x39);
    }
    if (byte === 0x2e) {
      byte = source[++at];
      const point = at;
      while (byte >= 0x30 && byte <= 0x39) {
        mantissa = mantissa * 10 + (byte - 0x30);
        byte = source[++at];
      }
      scale = at - point;
      // No digit after the point: `numberEnd` says so.
      if (scale === 0) scale = POWERS_OF_TEN.length;
    }
    let value = 0;
    let sure = false;
    if (scale < POWERS_OF_TEN.length && byte !== 0x65 && byte !== 0x45) {
      value = mantissa / POWERS_OF_TEN[scale];
      sure =
        mantissa < EXACT_INTEGER && scale <= EXACT_POWER
          ? true
          : mantissa < QUICK_LIMIT && Math.fround(value * (1 - QUICK_ERROR)) === Math.fround(value * (1 + QUICK_ERROR));
    }
    if (sure) {
      out[base + first + i] = negative ? -value : value;
    } else {
      at = numberEnd(source, start);
      out[base + first + i] = single(source, tensor, start, at, first + i);
    }
    at =
      i + 1 < count && source[at] === 0x2c && source[at + 1] > 0x20
        ? at + 1
        : nextElement(source, at, i + 1 === count, tensor);
  }
  return at;
}

function single(source: Uint8Array, tensor: RequestTensor, from: number, to: number, index: number): number {
  const text = numberText(source, from, to);
  const value = Number(text);
  if (value >= FLOAT_OVERFLOW || value <= -FLOAT_OVERFLOW)
    throw invalidValue(tensor, index, text, 'within the range of FP32');
  return value;
}

function doubles(
  source: Uint8Array,
  tensor: RequestTensor,
  out: Float64Array,
  base: number,
  from: number,
  count: number,
  first: number,
): number {
  if (count === 0) return emptyRow(source, from, tensor);
  let at = skipSpace(source, from);
  for (let i = 0; i < count; i++) {
    const start = at;
    const byte = source[start];
    if (byte !== 0x2d && (byte < 0x30 || byte > 0x39))
      throw elementMismatch(source, start, first + i, 'a number', tensor);
    at = numberEnd(source, start);
    const value = Number(numberText(source, start, at));
    if (value === Infinity || value === -Infinity) {
      throw invalidValue(tensor, first + i, numberText(source, start, at), 'within the range of FP64');
    }
    out[base + first + i] = value;
    at = nextElement(source, at, i + 1 === count, tensor);
  }
  return at;
}
