import { TidegateError } from '../../contract/error.js';
import type { KeyPart } from '../../contract/feature-row.js';

export const MOST_KEY_BYTES = 1024;

/**
 * The bytes of one entity's key, and their hash, in memory that is used again for the next key: looking up 64 keys
 * allocates nothing. The parts are written as UTF-8 text with a zero byte between them, so 42 and "42" are one entity,
 * whichever way a request and a stream spell it; a part that is empty or holds a zero byte is refused.
 */
export class EntityKey {
  /** The bytes as words, as the heap holds them: the last one is filled up with zeros. */
  readonly words = new Int32Array(MOST_KEY_BYTES / 4 + 1);
  readonly bytes = new Uint8Array(this.words.buffer);
  readonly #seed: number;
  length = 0;
  hash = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** A key of one part. */
  set(part: KeyPart): void {
    this.length = 0;
    this.#append(part, 0);
    this.#finish();
  }

  setParts(parts: readonly KeyPart[]): void {
    this.length = 0;
    if (!Array.isArray(parts)) throw keyRefused('is not a list of its parts');
    if (parts.length === 0) throw keyRefused('has no parts: name the entity');
    for (let at = 0; at < parts.length; at++) {
      if (at > 0) this.bytes[this.length++] = 0;
      this.#append(parts[at], at);
    }
    this.#finish();
  }

  /** As another key had them, zeros behind the last byte. */
  setWords(words: Int32Array, at: number, length: number): void {
    for (let i = 0; i < (length + 3) >>> 2; i++) this.words[i] = words[at + i];
    this.length = length;
    this.#finish();
  }

  text(): string {
    return new TextDecoder().decode(this.bytes.subarray(0, this.length)).replaceAll('\0', '/');
  }

  #append(part: KeyPart, position: number): void {
    const text = typeof part === 'string' ? part : textOf(part, position);
    if (text.length === 0) throw keyRefused(`has no part ${position + 1}: it is an empty text`);
    for (let i = 0; i < text.length; i++) {
      let code = text.charCodeAt(i);
      if (code === 0) throw keyRefused(`has a zero byte in part ${position + 1}`);
      if (this.length + 4 > MOST_KEY_BYTES) throw keyRefused(`is longer than ${MOST_KEY_BYTES} bytes`);
      if (code < 0x80) {
        this.bytes[this.length++] = code;
        continue;
      }
      if (code >= 0xd800 && code < 0xe000) {
        code = text.codePointAt(i) ?? 0;
        if (code < 0x10000)
          throw keyRefused(`has half of a character in part ${position + 1}, which no UTF-8 text has`);
        i++;
      }
      this.#appendCodePoint(code);
    }
  }

  #appendCodePoint(code: number): void {
    const { bytes } = this;
    if (code < 0x800) {
      bytes[this.length++] = 0xc0 | (code >>> 6);
    } else {
      if (code < 0x10000) {
        bytes[this.length++] = 0xe0 | (code >>> 12);
      } else {
        bytes[this.length++] = 0xf0 | (code >>> 18);
        bytes[this.length++] = 0x80 | ((code >>> 12) & 0x3f);
      }
      bytes[this.length++] = 0x80 | ((code >>> 6) & 0x3f);
    }
    bytes[this.length++] = 0x80 | (code & 0x3f);
  }

  #finish(): void {
    for (let at = this.length; (at & 3) !== 0; at++) this.bytes[at] = 0;
    this.hash = hashOfWords(this.words, 0, this.length, this.#seed);
  }
}

function keyRefused(problem: string): TidegateError {
  return new TidegateError('INVALID_VALUE', `the entity's key ${problem}`);
}

/** What arrives from outside may be anything, whatever its type says: a key that is not there must not become "undefined". */
function textOf(part: number | bigint, position: number): string {
  if (typeof part === 'bigint' || Number.isSafeInteger(part)) return String(part);
  throw keyRefused(
    `has ${part === undefined ? 'no' : `the value ${String(part)} as its`} part ${position + 1}: give a text or a whole number`,
  );
}

/**
 * MurmurHash3 as contract/murmur3.ts has it, of bytes that lie in words with zeros behind the last: no view has to be made
 * of a part of the memory, and a third of the instructions. Little-endian, as every platform of Node.js that Tidegate runs on.
 */
export function hashOfWords(words: Int32Array, at: number, length: number, seed: number): number {
  const whole = at + (length >>> 2);
  let hash = seed | 0;
  for (let i = at; i < whole; i++) {
    hash ^= mixed(words[i]);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  if ((length & 3) !== 0) hash ^= mixed(words[whole]);
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mixed(block: number): number {
  const product = Math.imul(block, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}
