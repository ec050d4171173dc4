import type { Readable } from 'node:stream';
import { z } from 'zod';
import { TidegateError } from '../../../contract/error.js';

/** What is read whole before it is understood may have so many bytes. */
export const MOST_HELD_BYTES = 32 * 2 ** 20;

/** Bytes of a stream come as chunks of them. */
export const ChunkSchema = z.instanceof(Uint8Array);

/** Throws BODY_TOO_LARGE, with `instead` as what to do. */
export async function readAll(body: Readable, most: number, instead: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    const bytes = ChunkSchema.parse(chunk);
    length += bytes.length;
    if (length > most) {
      throw new TidegateError('BODY_TOO_LARGE', `the body has more than ${most} bytes: ${instead}`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
