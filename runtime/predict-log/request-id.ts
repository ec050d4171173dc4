import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;
const ID_BYTES = 10;
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The first 48 bits of ids of the same millisecond. */
let time_ms = -1;
let time = '';

/** A UUID of version 7 (RFC 9562): 48 bits of milliseconds since 1970, then 74 that are random. */
export function newRequestId(at_ms: number): string {
  if (used + ID_BYTES > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += ID_BYTES;
  if (at_ms !== time_ms) {
    const digits = Math.floor(at_ms).toString(16).padStart(12, '0');
    time = `${digits.slice(0, 8)}-${digits.slice(8)}-`;
    time_ms = at_ms;
  }
  const version = HEX[0x70 | (pool[at] & 0x0f)] + HEX[pool[at + 1]];
  const variant = HEX[0x80 | (pool[at + 2] & 0x3f)] + HEX[pool[at + 3]];
  const tail = HEX[pool[at + 4]] + HEX[pool[at + 5]] + HEX[pool[at + 6]] + HEX[pool[at + 7]];
  return `${time}${version}-${variant}-${tail}${HEX[pool[at + 8]]}${HEX[pool[at + 9]]}`;
}

/**
 * Whether a request belongs to a share of all: decided by its id alone, so that every node and every version decides alike. The hash is
 * FNV-1a over UTF-16 code units with the finish of MurmurHash3, which spreads what differs in the last letters only.
 */
export function isSampled(id: string, share: number): boolean {
  if (share >= 1) return true;
  if (share <= 0) return false;
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0 < share * 2 ** 32;
}
