import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;
const ID_BYTES = 10;
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** A UUID of version 7 (RFC 9562): 48 bits of milliseconds since 1970, then 74 that are random. */
export function newRequestId(at_ms: number): string {
  if (used + ID_BYTES > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += ID_BYTES;
  const time = Math.floor(at_ms).toString(16).padStart(12, '0');
  const hex = (index: number) => HEX[pool[at + index]];
  const version = HEX[0x70 | (pool[at] & 0x0f)];
  const variant = HEX[0x80 | (pool[at + 2] & 0x3f)];
  const tail = hex(4) + hex(5) + hex(6) + hex(7) + hex(8) + hex(9);
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${hex(1)}-${variant}${hex(3)}-${tail}`;
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
