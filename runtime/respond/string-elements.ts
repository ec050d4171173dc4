import { TidegateError } from '../../contract/error.js';
import type { OutputTensor } from '../../contract/inference.js';

const LENGTH_BYTES = 4;

/** The elements of a BYTES output in binary form. Copied out of shared memory, which text decoders do not read. */
export function stringElements(tensor: OutputTensor): Buffer[] {
  const bytes = Buffer.from(tensor.bytes);
  const elements: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + LENGTH_BYTES > bytes.length ? Infinity : at + LENGTH_BYTES + bytes.readUInt32LE(at);
    if (end > bytes.length)
      throw new TidegateError('BACKEND_FAILED', `output '${tensor.name}' is cut off in the middle of a string`);
    elements.push(bytes.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  return elements;
}

/** Texts as a BYTES tensor in binary form. */
export function packedStrings(texts: readonly string[]): Uint8Array {
  const parts = texts.flatMap((text) => {
    const content = Buffer.from(text, 'utf8');
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32LE(content.length, 0);
    return [length, content];
  });
  return Buffer.concat(parts);
}
