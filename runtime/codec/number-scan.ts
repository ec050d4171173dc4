import { invalidJson } from './json-cursor.js';

/** Powers of ten as the nearest doubles; exact up to 10^22. */
export const POWERS_OF_TEN: Float64Array = Float64Array.from({ length: 61 }, (_, power) => Number(`1e${power}`));

/** The largest power of ten that a double holds exactly. */
export const EXACT_POWER = 22;

/** Above this a sum of digits in a double may have been rounded. */
export const EXACT_INTEGER = 2 ** 53;

function digitsEnd(source: Uint8Array, from: number): number {
  let at = from;
  while (source[at] >= 0x30 && source[at] <= 0x39) at++;
  if (at === from) throw invalidJson(at, 'a number lacks a digit');
  return at;
}

/**
 * The offset after a JSON number, checked by its grammar. Only for spans that end with a byte that is no part of a number.
 */
export function numberEnd(source: Uint8Array, from: number): number {
  let at = from;
  if (source[at] === 0x2d) at++;
  at = source[at] === 0x30 ? at + 1 : digitsEnd(source, at);
  if (source[at] === 0x2e) at = digitsEnd(source, at + 1);
  if ((source[at] | 0x20) === 0x65) {
    at++;
    if (source[at] === 0x2b || source[at] === 0x2d) at++;
    at = digitsEnd(source, at);
  }
  return at;
}

export function numberText(source: Uint8Array, from: number, to: number): string {
  return Buffer.from(source.buffer, source.byteOffset + from, to - from).toString('latin1');
}
