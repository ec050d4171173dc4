import { JsonCursor } from './json-cursor.js';

/**
 * A small JSON body as a value, for endpoints that are not inference: as strict as the reader of inference requests, which checks
 * it first. Throws INVALID_JSON.
 */
export function parseJson(bytes: Uint8Array, maxDepth: number): unknown {
  const cursor = new JsonCursor(bytes, 0, bytes.length, maxDepth);
  cursor.value();
  cursor.finish();
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
}
