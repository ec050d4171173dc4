import type { FileHandle } from 'node:fs/promises';
import { TidegateError } from '../../contract/error.js';
import { crc32 } from '../../std/checksum.js';

/**
 * A snapshot is a row of sections, each of them { mark, kind, payload bytes, CRC-32 of kind, length and payload } and its
 * payload: what a table is, its rows in portions, the texts of categories, and an end that counts them. A file that was cut
 * off has no end.
 */
export const SECTION_TABLE = 1;
export const SECTION_ROWS = 2;
export const SECTION_CATEGORIES = 3;
export const SECTION_END = 4;

const MARK = 0x53464754;
const HEADER_BYTES = 16;
/** A section of rows is closed when it holds so much; a longer one can only be damage. */
export const SECTION_BYTES = 1024 * 1024;
export const MOST_SECTION_BYTES = 128 * 1024 * 1024;

/** The file cannot be believed: what it holds has to be had from the stream again. Names the file and the section. */
export class CorruptSnapshot extends TidegateError {
  readonly path: string;
  readonly section: number;

  constructor(path: string, section: number, problem: string) {
    super('INTERNAL', `snapshot ${path} is damaged: section ${section} ${problem}: rebuild the table from its stream`);
    this.path = path;
    this.section = section;
  }
}

function checksumOf(header: Uint8Array, payload: Uint8Array): number {
  return crc32(payload, crc32(header.subarray(4, 12), 0));
}

export async function writeSection(file: FileHandle, kind: number, payload: Uint8Array): Promise<void> {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(MARK, 0);
  header.writeUInt32LE(kind, 4);
  header.writeUInt32LE(payload.length, 8);
  header.writeUInt32LE(checksumOf(header, payload), 12);
  await writeAll(file, header);
  await writeAll(file, payload);
}

/** One write may take less than it is given, on a disk that is nearly full. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

export interface Section {
  readonly number: number;
  readonly kind: number;
  /** Valid until the next section is read. */
  readonly payload: Buffer;
}

/** Reads a file's sections one after the other, each checked before it is handed out. */
export class SectionReader {
  readonly #file: FileHandle;
  readonly #path: string;
  #payload = Buffer.alloc(SECTION_BYTES);
  #next = 0;

  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async read(): Promise<Section> {
    const number = this.#next++;
    const header = Buffer.alloc(HEADER_BYTES);
    await this.#fill(header, number);
    if (header.readUInt32LE(0) !== MARK) throw this.corrupt(number, 'does not begin as one');
    const length = header.readUInt32LE(8);
    if (length > MOST_SECTION_BYTES || length % 4 !== 0) throw this.corrupt(number, `says it has ${length} bytes`);
    if (length > this.#payload.length) this.#payload = Buffer.alloc(length);
    const payload = this.#payload.subarray(0, length);
    await this.#fill(payload, number);
    if (checksumOf(header, payload) !== header.readUInt32LE(12))
      throw this.corrupt(number, 'has another checksum than its own');
    return { number, kind: header.readUInt32LE(4), payload };
  }

  /** Where the last section ended, the file has to end. */
  async expectEnd(number: number): Promise<void> {
    const { bytesRead } = await this.#file.read(Buffer.alloc(1), 0, 1);
    if (bytesRead !== 0) throw this.corrupt(number, 'is the last, and more follows');
  }

  corrupt(section: number, problem: string): CorruptSnapshot {
    return new CorruptSnapshot(this.#path, section, problem);
  }

  async #fill(into: Buffer, number: number): Promise<void> {
    for (let at = 0; at < into.length; ) {
      const { bytesRead } = await this.#file.read(into, at, into.length - at);
      if (bytesRead === 0) throw this.corrupt(number, 'is cut off');
      at += bytesRead;
    }
  }
}

/** JSON, filled up with spaces to whole words. */
export function jsonPayload(value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(value));
  return Buffer.concat([text, Buffer.alloc((4 - (text.length % 4)) % 4, ' ')]);
}
