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
  readRows(source, tensor, (at, count, index) => floatRow(source, tensor, memory, base + index, at, count, index));
}

/** Reads one list of numbers. This is the hottest loop of a request: it makes no call and no object for an ordinary number. */
function floatRow(
  source: Uint8Array,
  tensor: RequestTensor,
  memory: SlabViews,
  place: number,
  from: number,
  count: number,
  first: number,
): number {
  if (count === 0) return emptyRow(source, from, tensor);
  const single = tensor.datatype === 'FP32';
  const floats = memory.f32;
  const doubles = memory.f64;
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
      // Without a digit after the point this is no number, which `numberEnd` says.
      scale = at === point ? POWERS_OF_TEN.length : at - point;
    }
    let value = scale < POWERS_OF_TEN.length ? mantissa / POWERS_OF_TEN[scale] : 0;
    if (
      byte === 0x65 ||
      byte === 0x45 ||
      ((scale > EXACT_POWER || mantissa >= EXACT_INTEGER) && !(single && isSure(value, mantissa, scale)))
    ) {
      at = numberEnd(source, start);
      value = exactValue(source, tensor, start, at, first + i);
    } else if (negative) {
      value = -value;
    }
    if (single) floats[place + i] = value;
    else doubles[place + i] = value;
    at =
      i + 1 < count && source[at] === 0x2c && source[at + 1] > 0x20
        ? at + 1
        : nextElement(source, at, i + 1 === count, tensor);
  }
  return at;
}

/** Whether a value with that many digits, of which the last may be wrong, is certain as a float all the same. */
function isSure(value: number, mantissa: number, scale: number): boolean {
  if (scale >= POWERS_OF_TEN.length || mantissa >= QUICK_LIMIT) return false;
  return Math.fround(value * (1 - QUICK_ERROR)) === Math.fround(value * (1 + QUICK_ERROR));
}

function exactValue(source: Uint8Array, tensor: RequestTensor, from: number, to: number, index: number): number {
  const value = Number(numberText(source, from, to));
  const limit = tensor.datatype === 'FP32' ? FLOAT_OVERFLOW : Infinity;
  if (value >= limit || value <= -limit) {
    const excerpt = numberText(source, from, Math.min(to, from + 40));
    throw invalidValue(tensor, index, excerpt, `within the range of ${tensor.datatype}`);
  }
  return value;
}
