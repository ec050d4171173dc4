import type { Datatype } from '../../contract/datatype.js';
import type { TidegateError } from '../../contract/error.js';
import type { RequestTensor } from '../../contract/inference.js';
import { numberEnd, numberText } from './number-scan.js';
import type { SlabViews } from './slab-views.js';
import { elementMismatch, emptyRow, invalidValue, nextElement, readRows, skipSpace } from './tensor-rows.js';

interface Range {
  readonly bytes: 1 | 2 | 4 | 8;
  readonly least: bigint;
  readonly most: bigint;
}

function range(bytes: Range['bytes'], signed: boolean): Range {
  const bits = BigInt(bytes * 8);
  return signed
    ? { bytes, least: -(1n << (bits - 1n)), most: (1n << (bits - 1n)) - 1n }
    : { bytes, least: 0n, most: (1n << bits) - 1n };
}

const RANGES: Partial<Record<Datatype, Range>> = {
  INT8: range(1, true),
  INT16: range(2, true),
  INT32: range(4, true),
  INT64: range(8, true),
  UINT8: range(1, false),
  UINT16: range(2, false),
  UINT32: range(4, false),
  UINT64: range(8, false),
};

/** So many digits are always below 2^53. */
const EXACT_DIGITS = 15;
const TWO_TO_THE_32 = 2 ** 32;

/** Decodes whole numbers from JSON, each checked against its range. Whole numbers may be written as 1.0 or 1e2, too. */
export function decodeIntegers(source: Uint8Array, tensor: RequestTensor, memory: SlabViews, offset: number): void {
  const bounds = RANGES[tensor.datatype];
  if (bounds === undefined) throw new RangeError(`${tensor.datatype} is no integer datatype`);
  const { bytes } = bounds;
  const least = Number(bounds.least);
  const most = Number(bounds.most);
  const base = offset / bytes;
  readRows(source, tensor, (from, count, first) => {
    if (count === 0) return emptyRow(source, from, tensor);
    let at = skipSpace(source, from);
    for (let i = 0; i < count; i++) {
      const start = at;
      let byte = source[at];
      const negative = byte === 0x2d;
      if (negative) byte = source[++at];
      if (byte < 0x30 || byte > 0x39)
        throw elementMismatch(source, start, first + i, `a whole number of ${tensor.datatype}`, tensor);
      const digits = at;
      let value = byte - 0x30;
      byte = source[++at];
      // A leading zero must stand alone: what follows it is then refused as no separator.
      if (value !== 0) {
        while (byte >= 0x30 && byte <= 0x39) {
          value = value * 10 + (byte - 0x30);
          byte = source[++at];
        }
      }
      if (at - digits <= EXACT_DIGITS && byte !== 0x2e && byte !== 0x65 && byte !== 0x45) {
        if (negative) value = -value;
        if (value < least || value > most) throw outOfRange(source, start, at, first + i, tensor, bounds);
        store(memory, bytes, base + first + i, value);
      } else {
        at = numberEnd(source, start);
        storeExact(source, start, at, first + i, tensor, bounds, memory, base);
      }
      at = nextElement(source, at, i + 1 === count, tensor);
    }
    return at;
  });
}

/** Signed and unsigned integers of one width have the same bits: each width is written through one view. */
function store(memory: SlabViews, bytes: Range['bytes'], index: number, value: number): void {
  if (bytes === 4) {
    memory.i32[index] = value;
  } else if (bytes === 8) {
    memory.i32[index * 2] = value;
    memory.i32[index * 2 + 1] = Math.floor(value / TWO_TO_THE_32);
  } else if (bytes === 2) {
    memory.u16[index] = value;
  } else {
    memory.u8[index] = value;
  }
}

/** Long numbers, and those with a point or an exponent: every digit counts, so they go by way of a bigint. */
function storeExact(
  source: Uint8Array,
  from: number,
  to: number,
  index: number,
  tensor: RequestTensor,
  bounds: Range,
  memory: SlabViews,
  base: number,
): void {
  const value = to - from <= MAX_TEXT ? wholeNumber(numberText(source, from, to)) : undefined;
  if (value === undefined)
    throw invalidValue(tensor, index, excerpt(source, from, to), `a whole number of ${tensor.datatype}`);
  if (value < bounds.least || value > bounds.most) throw outOfRange(source, from, to, index, tensor, bounds);
  if (bounds.bytes === 8) memory.u64[base + index] = BigInt.asUintN(64, value);
  else store(memory, bounds.bytes, base + index, Number(value));
}

/** Longer texts are refused: no integer needs them, and each digit of a bigint costs more than the one before. */
const MAX_TEXT = 1000;
/** More decimal places than this are not moved about: no integer datatype has as many. */
const MAX_SHIFT = 400;

/** The whole number that a JSON number stands for, however it is written; undefined when it has a fraction; 2^64 when it is huge. */
function wholeNumber(text: string): bigint | undefined {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = (whole + fraction).replace('-', '').replace(/^0+/, '');
  if (digits === '') return 0n;
  const shift = Number(exponent) - fraction.length;
  const trailing = digits.length - digits.replace(/0+$/, '').length;
  if (shift < 0 && -shift > trailing) return undefined;
  if (digits.length + shift > MAX_SHIFT) return (text.startsWith('-') ? -1n : 1n) << 64n;
  const magnitude = shift < 0 ? BigInt(digits.slice(0, shift)) : BigInt(digits + '0'.repeat(shift));
  return text.startsWith('-') ? -magnitude : magnitude;
}

function outOfRange(
  source: Uint8Array,
  from: number,
  to: number,
  index: number,
  tensor: RequestTensor,
  bounds: Range,
): TidegateError {
  return invalidValue(
    tensor,
    index,
    excerpt(source, from, to),
    `from ${bounds.least} to ${bounds.most} as ${tensor.datatype}`,
  );
}

function excerpt(source: Uint8Array, from: number, to: number): string {
  return numberText(source, from, Math.min(to, from + 40));
}
