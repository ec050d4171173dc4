import * as zlib from 'node:zlib';

/** CRC-32 of IEEE 802.3 (as in gzip), going on from `before`. */
export type Crc32 = (bytes: Uint8Array, before: number) => number;

const POLYNOMIAL = 0xedb88320;

/** For Node.js before 20.15, which has none of its own. */
export function tableCrc32(): Crc32 {
  const table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    table[byte] = value;
  }
  return (bytes, before) => {
    let crc = ~before;
    for (let at = 0; at < bytes.length; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]) & 0xff];
    return ~crc >>> 0;
  };
}

export const crc32: Crc32 = typeof zlib.crc32 === 'function' ? zlib.crc32 : tableCrc32();
