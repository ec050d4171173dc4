import { crc32 } from '../../std/checksum.js';
import { FRAME_ALIGNMENT } from './frame.js';

/**
 * A segment of the spool: a header, then frames (frame.ts). The header is 32 bytes (magic of 8, u32 format version, u32 bytes of all of
 * it, f64 epoch, u32 number of the segment, u32 salt of its checksums), u32 bytes of the node's name, the name, and the checksum of everything
 * before it; filled up to a multiple of 8.
 */
export interface SegmentHeader {
  readonly node: string;
  /** Microseconds at the start of the process that wrote it. */
  readonly epoch: number;
  /** Ascending over all lives of the node. */
  readonly number: number;
  readonly salt: number;
}

const MAGIC = Buffer.from('TGSPOOL\n', 'latin1');
export const SEGMENT_FORMAT = 1;
const FIXED_BYTES = 36;
const CHECKSUM_BYTES = 4;
/** More than a header ever takes: this much is read to find it. */
export const MOST_HEADER_BYTES = 4096;
const SUFFIX = '.spool';

export function segmentName(number: number): string {
  return `${String(number).padStart(10, '0')}${SUFFIX}`;
}

/** The number of a segment by its file's name; undefined: not a segment. */
export function segmentNumber(name: string): number | undefined {
  return /^\d{10}\.spool$/.test(name) ? Number(name.slice(0, -SUFFIX.length)) : undefined;
}

export function encodeHeader(header: SegmentHeader): Buffer {
  const name = Buffer.from(header.node, 'utf8');
  const content = FIXED_BYTES + name.length;
  const bytes = Buffer.alloc(Math.ceil((content + CHECKSUM_BYTES) / FRAME_ALIGNMENT) * FRAME_ALIGNMENT);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(SEGMENT_FORMAT, 8);
  bytes.writeUInt32LE(bytes.length, 12);
  bytes.writeDoubleLE(header.epoch, 16);
  bytes.writeUInt32LE(header.number, 24);
  bytes.writeUInt32LE(header.salt, 28);
  bytes.writeUInt32LE(name.length, 32);
  name.copy(bytes, FIXED_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, content), 0), content);
  return bytes;
}

/** The header and its length; or, in words, why the bytes are none. `torn`: they may be the beginning of one. */
export function decodeHeader(
  bytes: Buffer,
): { readonly header: SegmentHeader; readonly bytes: number } | { readonly fault: string; readonly torn: boolean } {
  if (bytes.length < FIXED_BYTES) return { fault: `only ${bytes.length} bytes`, torn: true };
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return { fault: 'not a segment of a spool', torn: false };
  const format = bytes.readUInt32LE(8);
  if (format !== SEGMENT_FORMAT)
    return { fault: `format ${format}, this program reads ${SEGMENT_FORMAT}`, torn: false };
  const length = bytes.readUInt32LE(12);
  const content = FIXED_BYTES + bytes.readUInt32LE(32);
  if (length > bytes.length) return { fault: 'its header is cut', torn: true };
  if (content + CHECKSUM_BYTES > length) return { fault: 'its header is damaged', torn: false };
  if (crc32(bytes.subarray(0, content), 0) !== bytes.readUInt32LE(content)) {
    return { fault: 'its header is damaged', torn: false };
  }
  const header = {
    node: bytes.toString('utf8', FIXED_BYTES, content),
    epoch: bytes.readDoubleLE(16),
    number: bytes.readUInt32LE(24),
    salt: bytes.readUInt32LE(28),
  };
  return { header, bytes: length };
}
