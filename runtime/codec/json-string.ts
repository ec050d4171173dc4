import { TidegateError } from '../../contract/error.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function invalid(offset: number, what: string): TidegateError {
  return new TidegateError('INVALID_JSON', `failed to parse the request JSON: ${what} at byte ${offset}`);
}

/**
 * Checks the rest of a string from `from` on (inside the quotes; `quote` is where it opened): escapes, surrogate pairs, UTF-8, no
 * control characters. The offset of the closing quote, which lies before `end`.
 */
export function checkedStringEnd(bytes: Uint8Array, from: number, end: number, quote: number): number {
  let at = from;
  while (at < end) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at = checkedEscapeEnd(bytes, at, end);
    else if (byte < 0x20) throw invalid(at, 'control character in a string (escape it)');
    else if (byte < 0x80) at++;
    else at += checkedUtf8Length(bytes, at, end);
  }
  throw invalid(quote, 'string without its closing quote, which opened');
}

function checkedEscapeEnd(bytes: Uint8Array, at: number, end: number): number {
  const letter = at + 1 < end ? bytes[at + 1] : -1;
  if (letter !== 0x75) {
    if (letter === -1 || unescaped(letter) === 0) throw invalid(at, 'unknown escape in a string');
    return at + 2;
  }
  const unit = hexUnit(bytes, at + 2, end);
  if (unit < 0) throw invalid(at, '\\u needs four hexadecimal digits');
  if (unit < 0xd800 || unit > 0xdfff) return at + 6;
  const low = at + 7 < end && bytes[at + 6] === BACKSLASH && bytes[at + 7] === 0x75 ? hexUnit(bytes, at + 8, end) : -1;
  if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) throw invalid(at, 'lone surrogate in a string');
  return at + 12;
}

/** Length of the UTF-8 sequence that starts at `at`, by Unicode's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF. */
function checkedUtf8Length(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at];
  const length =
    lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (length === 0 || at + length > end) throw invalid(at, 'invalid UTF-8 in a string');
  const second = bytes[at + 1];
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) throw invalid(at, 'invalid UTF-8 in a string');
  for (let i = 2; i < length; i++) {
    if ((bytes[at + i] & 0xc0) !== 0x80) throw invalid(at, 'invalid UTF-8 in a string');
  }
  return length;
}

/** The value of four hexadecimal digits, or -1. */
function hexUnit(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1;
  let unit = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i];
    const letter = byte | 0x20;
    if (byte >= 0x30 && byte <= 0x39) unit = unit * 16 + byte - 0x30;
    else if (letter >= 0x61 && letter <= 0x66) unit = unit * 16 + letter - 0x57;
    else return -1;
  }
  return unit;
}

/** The byte that a one-letter escape stands for; 0 when there is no such escape. */
function unescaped(letter: number): number {
  switch (letter) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
      return letter;
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      return 0;
  }
}

/** Bytes of UTF-8 that a checked string stands for. */
export function decodedStringLength(bytes: Uint8Array, start: number, stop: number): number {
  let length = 0;
  let at = start;
  while (at < stop) {
    if (bytes[at] !== BACKSLASH) {
      length++;
      at++;
    } else if (bytes[at + 1] !== 0x75) {
      length++;
      at += 2;
    } else {
      const unit = hexUnit(bytes, at + 2, stop);
      const pair = unit >= 0xd800 && unit <= 0xdfff;
      length += unit < 0x80 ? 1 : unit < 0x800 ? 2 : pair ? 4 : 3;
      at += pair ? 12 : 6;
    }
  }
  return length;
}

/** Writes a checked string as UTF-8. The offset after it. */
export function decodeString(
  bytes: Uint8Array,
  start: number,
  stop: number,
  target: Uint8Array,
  offset: number,
): number {
  let out = offset;
  let at = start;
  while (at < stop) {
    const byte = bytes[at];
    if (byte !== BACKSLASH) {
      target[out++] = byte;
      at++;
    } else if (bytes[at + 1] !== 0x75) {
      target[out++] = unescaped(bytes[at + 1]);
      at += 2;
    } else {
      let point = hexUnit(bytes, at + 2, stop);
      at += 6;
      if (point >= 0xd800 && point <= 0xdfff) {
        point = 0x10000 + ((point - 0xd800) << 10) + (hexUnit(bytes, at + 2, stop) - 0xdc00);
        at += 6;
      }
      out = writePoint(point, target, out);
    }
  }
  return out;
}

function writePoint(point: number, target: Uint8Array, offset: number): number {
  let out = offset;
  if (point < 0x80) {
    target[out++] = point;
    return out;
  }
  if (point < 0x800) {
    target[out++] = 0xc0 | (point >> 6);
  } else {
    if (point < 0x10000) {
      target[out++] = 0xe0 | (point >> 12);
    } else {
      target[out++] = 0xf0 | (point >> 18);
      target[out++] = 0x80 | ((point >> 12) & 0x3f);
    }
    target[out++] = 0x80 | ((point >> 6) & 0x3f);
  }
  target[out++] = 0x80 | (point & 0x3f);
  return out;
}

/** A checked string as text. */
export function stringText(bytes: Uint8Array, start: number, stop: number): string {
  const decoded = Buffer.allocUnsafe(decodedStringLength(bytes, start, stop));
  decodeString(bytes, start, stop, decoded, 0);
  return decoded.toString('utf8');
}
