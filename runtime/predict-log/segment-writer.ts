import { close, fdatasync, fsync, ftruncateSync, open, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodeHeader, type SegmentHeader, segmentName } from './segment-file.js';

const closeFile = promisify(close);
const syncFile = promisify(fdatasync);
const syncFolder = promisify(fsync);
const openFolder = promisify(open);

/** The file of one segment, while it grows. Throws what the file system throws; `size` then says what is whole. */
export class SegmentWriter {
  readonly number: number;
  readonly salt: number;
  readonly since_ms = Date.now();
  /** Whole frames, and the header. */
  size: number;
  records = 0;
  readonly #file: number;
  /** Bytes that no sync has covered. */
  #unsynced = true;

  constructor(directory: string, header: SegmentHeader) {
    this.number = header.number;
    this.salt = header.salt;
    this.#file = openSync(join(directory, segmentName(header.number)), 'wx');
    const bytes = encodeHeader(header);
    this.size = 0;
    this.append(bytes, bytes.length);
  }

  /** After a failure what is half there is cut, or else overwritten by what comes next: writes go to `size`, wherever the file ends. */
  append(bytes: Uint8Array, length: number): void {
    let written = 0;
    try {
      while (written < length) written += writeSync(this.#file, bytes, written, length - written, this.size + written);
    } catch (error) {
      this.#cut();
      throw error;
    }
    this.size += length;
    this.#unsynced = true;
  }

  /** Returns whether there was something to sync. */
  async sync(): Promise<boolean> {
    if (!this.#unsynced) return false;
    this.#unsynced = false;
    try {
      await syncFile(this.#file);
      return true;
    } catch (error) {
      this.#unsynced = true;
      throw error;
    }
  }

  close(): Promise<void> {
    return closeFile(this.#file);
  }

  #cut(): void {
    try {
      ftruncateSync(this.#file, this.size);
    } catch {
      // The disk is in trouble already, and is being reported: a reader steps over the half frame.
    }
  }
}

/** Makes the name of a new file last, as `fdatasync` does for its content. */
export async function syncDirectory(directory: string): Promise<void> {
  const folder = await openFolder(directory, 'r');
  try {
    await syncFolder(folder);
  } finally {
    await closeFile(folder);
  }
}
