import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { TidegateError } from '../../contract/error.js';

export type Encoding = 'gzip' | 'deflate' | 'identity';

/**
 * Above this many bytes, inflated, the work is not done on the thread that calls: zlib takes some milliseconds for a megabyte, and
 * no other request would move meanwhile.
 */
export const SYNC_BYTES = 256 * 1024;

/** The fastest level takes a third of the time of the default one, and digits of tensors hardly shrink further. */
const LEVEL = 1;

const inflateLater = promisify<Uint8Array, zlib.ZlibOptions, unknown>(zlib.inflate);
const gunzipLater = promisify<Uint8Array, zlib.ZlibOptions, unknown>(zlib.gunzip);
const deflateLater = promisify<string | Uint8Array, zlib.ZlibOptions, Buffer>(zlib.deflate);
const gzipLater = promisify<string | Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);

/** The encoding that `Content-Encoding` names. Throws UNSUPPORTED_ENCODING; the answer then says `Accept-Encoding: gzip, deflate`. */
export function contentEncoding(header: string): Encoding {
  const name = header.trim().toLowerCase();
  if (name === '' || name === 'identity') return 'identity';
  if (name === 'gzip' || name === 'x-gzip') return 'gzip';
  if (name === 'deflate') return 'deflate';
  throw new TidegateError(
    'UNSUPPORTED_ENCODING',
    `Unsupported compression type '${header.slice(0, 40)}': send gzip, deflate or identity`,
  );
}

/**
 * Inflates a body: gzip with all its members, or deflate in its zlib wrapping. Stops at `max_bytes` with BODY_TOO_LARGE before the
 * rest is inflated. Throws INVALID_REQUEST for what is cut off, corrupt or followed by other bytes. Blocks for as long as it takes.
 */
export function decompress(body: Uint8Array, encoding: Encoding, max_bytes: number): Uint8Array {
  if (encoding === 'identity') return withinLimit(body, max_bytes);
  const options = { maxOutputLength: max_bytes, info: true };
  try {
    return inflated(encoding === 'gzip' ? zlib.gunzipSync(body, options) : zlib.inflateSync(body, options), body);
  } catch (error) {
    throw inflateError(error, encoding, max_bytes);
  }
}

/** Like `decompress`, as far as it can be done without blocking for long; undefined: call `decompressLater`. */
export function decompressNow(body: Uint8Array, encoding: Encoding, max_bytes: number): Uint8Array | undefined {
  if (encoding === 'identity' || max_bytes <= SYNC_BYTES) return decompress(body, encoding, max_bytes);
  if (body.length > SYNC_BYTES) return undefined;
  try {
    return decompress(body, encoding, SYNC_BYTES);
  } catch (error) {
    if (error instanceof TidegateError && error.code === 'BODY_TOO_LARGE') return undefined;
    throw error;
  }
}

/** Like `decompress`, on another thread. `body` must not change until then: give it a copy of what the socket owns. */
export async function decompressLater(body: Uint8Array, encoding: Encoding, max_bytes: number): Promise<Uint8Array> {
  if (encoding === 'identity') return withinLimit(body, max_bytes);
  const options = { maxOutputLength: max_bytes, info: true };
  try {
    return inflated(await (encoding === 'gzip' ? gunzipLater(body, options) : inflateLater(body, options)), body);
  } catch (error) {
    throw inflateError(error, encoding, max_bytes);
  }
}

/** Compresses an answer. Blocks: larger ones than `SYNC_BYTES` belong to `compressLater`. */
export function compress(body: string | Uint8Array, encoding: Exclude<Encoding, 'identity'>): Buffer {
  return encoding === 'gzip' ? zlib.gzipSync(body, { level: LEVEL }) : zlib.deflateSync(body, { level: LEVEL });
}

/** Compresses on another thread. `body` must not change until then. */
export function compressLater(body: string | Uint8Array, encoding: Exclude<Encoding, 'identity'>): Promise<Buffer> {
  return encoding === 'gzip' ? gzipLater(body, { level: LEVEL }) : deflateLater(body, { level: LEVEL });
}

/** What an answer should be encoded in, by `Accept-Encoding`: what the client likes best; of equals the one named first. */
export function chooseEncoding(acceptEncoding: string): Encoding {
  if (acceptEncoding === '') return 'identity';
  let best: Encoding = 'identity';
  let bestQuality = 0;
  for (const item of acceptEncoding.split(',')) {
    const [name = '', ...parameters] = item.split(';');
    const encoding = namedEncoding(name.trim().toLowerCase());
    const quality = qualityOf(parameters);
    if (encoding !== undefined && quality > bestQuality) {
      best = encoding;
      bestQuality = quality;
    }
  }
  return best;
}

/** `*` names nothing: who takes anything gets what costs least. */
function namedEncoding(name: string): Encoding | undefined {
  if (name === 'gzip' || name === 'x-gzip') return 'gzip';
  return name === 'deflate' || name === 'identity' ? name : undefined;
}

/** The weight by RFC 9110, 12.4.2: 1 when there is none, 0 when it cannot be read. */
function qualityOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const weight = /^\s*q\s*=(.*)$/i.exec(parameter);
    if (weight === null) continue;
    const text = (weight[1] ?? '').trim();
    return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(text) ? Number(text) : 0;
  }
  return 1;
}

function withinLimit(body: Uint8Array, max_bytes: number): Uint8Array {
  if (body.length > max_bytes) throw tooLarge(max_bytes);
  return body;
}

/** zlib's answer with `info: true`: the bytes, and the engine, whose `bytesWritten` is how much of the body it took. */
function inflated(result: unknown, body: Uint8Array): Uint8Array {
  if (typeof result !== 'object' || result === null || !('buffer' in result) || !('engine' in result)) {
    throw new TypeError('zlib gave no info');
  }
  const { buffer, engine } = result;
  if (!(buffer instanceof Uint8Array) || !(engine instanceof Object) || !('bytesWritten' in engine)) {
    throw new TypeError('zlib gave no info');
  }
  if (engine.bytesWritten !== body.length) {
    throw new TidegateError('INVALID_REQUEST', 'the compressed body is followed by other bytes');
  }
  return buffer;
}

function tooLarge(max_bytes: number): TidegateError {
  return new TidegateError('BODY_TOO_LARGE', `the request body is larger than ${max_bytes} bytes when decompressed`);
}

function inflateError(error: unknown, encoding: Encoding, max_bytes: number): unknown {
  if (!(error instanceof Error) || error instanceof TidegateError || !('code' in error)) return error;
  if (error.code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(max_bytes);
  return new TidegateError('INVALID_REQUEST', `the body is not valid ${encoding}: ${error.message}`, { cause: error });
}
