import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { refusal } from './failure.js';

/** Statements longer than this are refused; data behind them may be of any length. */
export const MOST_STATEMENT_BYTES = 1024 * 1024;

/** Writes a body to `path` as it comes: it is never held in memory. Returns its length. */
export async function bodyToFile(body: Readable, path: string): Promise<number> {
  const file = createWriteStream(path, { flags: 'wx' });
  await pipeline(body, file);
  return file.bytesWritten;
}

/** The first bytes of a file, at most as many as a statement may have. */
export async function headOf(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(MOST_STATEMENT_BYTES);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Copies what follows the first `skipped` bytes. */
export async function tailToFile(path: string, skipped: number, target: string): Promise<void> {
  await pipeline(createReadStream(path, { start: skipped }), createWriteStream(target, { flags: 'wx' }));
}

/** The stream that undoes a compression, for statements: data of inserts is left to the engine. */
export function decompressed(body: Readable, compression: string): Readable {
  if (compression === '') return body;
  if (compression === 'gzip') return body.pipe(createGunzip());
  if (compression === 'deflate') return body.pipe(createInflate());
  if (compression === 'br') return body.pipe(createBrotliDecompress());
  throw refusal(
    'UNKNOWN_COMPRESSION_METHOD',
    `a statement cannot be sent with Content-Encoding '${compression}': use gzip, deflate or br, or give the statement in the address and only its data in the body`,
  );
}
