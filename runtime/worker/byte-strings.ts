import { isUtf8 } from 'node:buffer';
import type { Part } from './gather.js';

/**
 * BYTES between the protocol's binary form (u32 LE length, then the bytes) and the strings that ONNX Runtime for Node takes: UTF-8
 * without NUL, since it reads them as C strings. An element that is not crosses the model escaped, each offending byte as ESCAPE and
 * two hexadecimal digits, and is itself again on the other side: what a model passes through comes back to the bit. A
 * model that looks inside such an element sees the escapes. ESCAPE is a private-use character; where it occurs itself it is
 * escaped too.
 */
const ESCAPE = '\u{10FFF0}';
const ESCAPE_BYTES = Buffer.from(ESCAPE);
const ESCAPED = new RegExp(`${ESCAPE}([0-9a-f]{2})`, 'gu');

export function decodeStrings(parts: readonly Part[]): string[] {
  const strings: string[] = [];
  for (const { views, offset, bytes } of parts) {
    // Text is not decoded from shared memory.
    const own = Buffer.from(views.u8.subarray(offset, offset + bytes));
    let at = 0;
    while (at < own.length) {
      const length = own.readUInt32LE(at);
      strings.push(elementText(own.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
  }
  return strings;
}

export function encodedStringsLength(strings: readonly string[]): number {
  let bytes = 0;
  for (const text of strings) bytes += 4 + (text.includes(ESCAPE) ? unescaped(text).length : Buffer.byteLength(text));
  return bytes;
}

/** Writes at `offset`, which must have room for `encodedStringsLength`. */
export function encodeStrings(strings: readonly string[], target: Uint8Array, offset: number): void {
  const bytes = Buffer.from(target.buffer, target.byteOffset, target.byteLength);
  let at = offset;
  for (const text of strings) {
    const length = text.includes(ESCAPE) ? unescaped(text).copy(bytes, at + 4) : bytes.write(text, at + 4);
    bytes.writeUInt32LE(length, at);
    at += 4 + length;
  }
}

function elementText(element: Buffer): string {
  const plain = isUtf8(element) && !element.includes(0) && !element.includes(ESCAPE_BYTES);
  return plain ? element.toString('utf8') : escaped(element);
}

/** Every byte that is not plain ASCII is escaped: simple, and only odd elements pay for it. */
function escaped(element: Buffer): string {
  let text = '';
  for (const byte of element) {
    text += byte > 0 && byte < 0x80 ? String.fromCharCode(byte) : ESCAPE + byte.toString(16).padStart(2, '0');
  }
  return text;
}

function unescaped(text: string): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const match of text.matchAll(ESCAPED)) {
    pieces.push(Buffer.from(text.slice(from, match.index)), Buffer.of(Number.parseInt(match[1], 16)));
    from = match.index + match[0].length;
  }
  pieces.push(Buffer.from(text.slice(from)));
  return Buffer.concat(pieces);
}
