import { type Datatype, isDatatype } from '../../contract/datatype.js';

/** Names longer than this are not kept. With the number of places this bounds what callers can make the table hold. */
const MAX_KEPT = 64;
const PLACES = 512;

export interface KnownName {
  readonly text: string;
  /** The datatype of this name, if it is one. */
  readonly datatype: Datatype | undefined;
}

/**
 * Names seen of late, found by their bytes: the same few tensor names and datatypes come with every request, and comparing bytes is
 * several times cheaper than making a string. One place for each hash; a newcomer takes the place.
 */
export class NameTable {
  private readonly places: KnownName[] = new Array<KnownName>(PLACES).fill({ text: '', datatype: undefined });

  /** `bytes` from `start` to `stop` must be printable ASCII. */
  find(bytes: Uint8Array, start: number, stop: number): KnownName {
    const length = stop - start;
    if (length === 0 || length > MAX_KEPT) return named(bytes, start, stop);
    const first = bytes[start];
    const middle = bytes[start + (length >> 1)];
    const last = bytes[stop - 1];
    const place = (Math.imul(first, 31) + Math.imul(middle, 17) + Math.imul(last, 7) + length) & (PLACES - 1);
    const known = this.places[place];
    if (isSame(known.text, bytes, start, length)) return known;
    const newcomer = named(bytes, start, stop);
    this.places[place] = newcomer;
    return newcomer;
  }
}

function isSame(text: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (text.charCodeAt(i) !== bytes[start + i]) return false;
  }
  return true;
}

function named(bytes: Uint8Array, start: number, stop: number): KnownName {
  const text = asciiText(bytes, start, stop);
  return { text, datatype: isDatatype(text) ? text : undefined };
}

export function asciiText(bytes: Uint8Array, start: number, stop: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, stop - start).toString('latin1');
}
