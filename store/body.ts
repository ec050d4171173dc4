import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { PassThrough, type Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

/** Statements longer than this are refused, unless `max_query_size` allows for more; data behind them may be of any length. */
export const MOST_STATEMENT_BYTES = 1024 * 1024;
/** Whatever the setting says. */
export const LARGEST_STATEMENT_BYTES = 64 * 1024 * 1024;

/** Writes a body to `path` as it comes: it is never held in memory. Returns its length. */
export async function bodyToFile(
  body: Readable,
  path: string,
  through: Transform = new PassThrough(),
): Promise<number> {
  const file = createWriteStream(path, { flags: 'wx' });
  await pipeline(body, through, file);
  return file.bytesWritten;
}

/** The first bytes of a file. */
export async function headOf(path: string, bytes: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(bytes);
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

/** The stream that undoes a compression which Node.js knows; undefined: the engine has to. */
export function decompressor(compression: string): Transform | undefined {
  if (compression === '') return new PassThrough();
  if (compression === 'gzip') return createGunzip();
  if (compression === 'deflate') return createInflate();
  return compression === 'br' ? createBrotliDecompress() : undefined;
}
