import { createHmac, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TidegateError } from '../../contract/error.js';
import { createFile, errorCode } from '../../std/exclusive-file.js';

/** Hexadecimal digits that are kept: 128 bits. */
const DIGITS = 32;
const KEY_BYTES = 32;
const MOST_REMEMBERED = 10_000;
const KEY_NAME = 'log-hash.key';

/** Hashes values so that equal ones stay equal, and nobody without the key can try out what they were. */
export class KeyedHash {
  readonly #key: string;
  readonly #known = new Map<string, string>();

  constructor(key: string) {
    this.#key = key;
  }

  text(value: string): string {
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const hash = createHmac('sha256', this.#key).update(value).digest('hex').slice(0, DIGITS);
    if (this.#known.size >= MOST_REMEMBERED) this.#known.clear();
    this.#known.set(value, hash);
    return hash;
  }

  /** A digest of bytes that private values are among. */
  digest(parts: Iterable<Uint8Array>): Buffer {
    const hash = createHmac('sha256', this.#key);
    for (const part of parts) hash.update(part);
    return hash.digest();
  }
}

/** The key of this data folder, made when it is needed first. Throws INVALID_CONFIG where it can be neither read nor made. */
export function hashKeyOf(data_dir: string): string {
  const path = join(data_dir, KEY_NAME);
  try {
    return existingKey(path) ?? newKey(data_dir, path);
  } catch (error) {
    if (error instanceof TidegateError) throw error;
    throw new TidegateError(
      'INVALID_CONFIG',
      `a model's manifest asks for hashes in the log, and the key for them can be neither read nor made at ${path}: set log_hash_key, or make the folder writable`,
      { cause: error },
    );
  }
}

function existingKey(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new TidegateError('INVALID_CONFIG', `${path} holds no key: restore it, or hashes of equal values will differ`);
}

/** Of two processes that make one at the same time, both use the one that was first. */
function newKey(data_dir: string, path: string): string {
  mkdirSync(data_dir, { recursive: true });
  const key = randomBytes(KEY_BYTES).toString('hex');
  if (createFile(path, `${key}\n`)) return key;
  return existingKey(path) ?? key;
}
