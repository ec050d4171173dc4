import type { RequestTensor } from '../../contract/inference.js';
import type { SlabViews } from './slab-views.js';
import { elementMismatch, emptyRow, nextElement, readRows, skipSpace } from './tensor-rows.js';

const TRUE = [0x74, 0x72, 0x75, 0x65];
const FALSE = [0x66, 0x61, 0x6c, 0x73, 0x65];

/** Decodes BOOL from JSON: true and false, and the 1 and 0 that some clients write. */
export function decodeBooleans(source: Uint8Array, tensor: RequestTensor, memory: SlabViews, offset: number): void {
  readRows(source, tensor, (from, count, first) => {
    if (count === 0) return emptyRow(source, from, tensor);
    let at = skipSpace(source, from);
    for (let i = 0; i < count; i++) {
      const length = booleanLength(source, at);
      if (length === 0) throw elementMismatch(source, at, first + i, 'true or false', tensor);
      memory.u8[offset + first + i] = source[at] === 0x74 || source[at] === 0x31 ? 1 : 0;
      at = nextElement(source, at + length, i + 1 === count, tensor);
    }
    return at;
  });
}

function booleanLength(source: Uint8Array, at: number): number {
  const byte = source[at];
  if (byte === 0x30 || byte === 0x31) return 1;
  const word = byte === 0x74 ? TRUE : byte === 0x66 ? FALSE : [];
  for (let i = 0; i < word.length; i++) {
    if (source[at + i] !== word[i]) return 0;
  }
  return word.length;
}
