import type { Part } from './gather.js';

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * BYTES in the protocol's binary form (u32 LE length, then the bytes) as the strings that ONNX Runtime takes. They were
 * checked at admission to be whole and UTF-8.
 */
export function decodeStrings(parts: readonly Part[]): string[] {
  const strings: string[] = [];
  for (const { views, offset, bytes } of parts) {
    // A TextDecoder takes no shared memory.
    const own = Buffer.from(views.u8.subarray(offset, offset + bytes));
    let at = 0;
    while (at < own.length) {
      const length = own.readUInt32LE(at);
      strings.push(decoder.decode(own.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
  }
  return strings;
}

export function encodedStringsLength(strings: readonly string[]): number {
  return strings.reduce((sum, text) => sum + 4 + Buffer.byteLength(text), 0);
}

/** Writes at `offset`, which must have room for `encodedStringsLength`. */
export function encodeStrings(strings: readonly string[], target: Uint8Array, offset: number): void {
  const bytes = Buffer.from(target.buffer, target.byteOffset, target.byteLength);
  let at = offset;
  for (const text of strings) {
    const length = bytes.write(text, at + 4);
    bytes.writeUInt32LE(length, at);
    at += 4 + length;
  }
}
