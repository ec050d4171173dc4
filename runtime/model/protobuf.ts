import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { TidegateError } from '../../contract/error.js';

/** Bytes that a reader may jump about in. */
export interface ByteSource {
  /** For messages: the path, or what the bytes are. */
  readonly name: string;
  readonly size: number;
  byte(offset: number): number;
  /** A copy or a view; valid at least until the next call. */
  bytes(start: number, end: number): Uint8Array;
}

export class MemorySource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.size = bytes.length;
    this.#bytes = bytes;
  }

  byte(offset: number): number {
    return this.#bytes[offset];
  }

  bytes(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(start, end);
  }
}

const BLOCK_BYTES = 8192;

/** A file read in small blocks where the reader stands, so that a model of gigabytes costs what its structure costs. */
export class FileSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #file: number;
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #blockStart = 0;
  #blockEnd = 0;

  constructor(path: string) {
    this.name = path;
    this.#file = openSync(path, 'r');
    this.size = fstatSync(this.#file).size;
  }

  close(): void {
    closeSync(this.#file);
  }

  byte(offset: number): number {
    if (offset < this.#blockStart || offset >= this.#blockEnd) this.#fill(offset);
    return this.#block[offset - this.#blockStart];
  }

  bytes(start: number, end: number): Uint8Array {
    const bytes = new Uint8Array(end - start);
    let filled = 0;
    while (filled < bytes.length) {
      const got = readSync(this.#file, bytes, filled, bytes.length - filled, start + filled);
      if (got === 0) throw malformed(this, start + filled, 'the file became shorter while it was read');
      filled += got;
    }
    return bytes;
  }

  #fill(offset: number): void {
    const got = readSync(this.#file, this.#block, 0, BLOCK_BYTES, offset);
    if (got === 0) throw malformed(this, offset, 'the file became shorter while it was read');
    this.#blockStart = offset;
    this.#blockEnd = offset + got;
  }
}

export function malformed(source: ByteSource, offset: number, what: string): TidegateError {
  return new TidegateError(
    'MODEL_LOAD_FAILED',
    `${source.name} is not a whole ${source.name.endsWith('.pb') ? 'SavedModel' : 'ONNX file'}: ${what} (at byte ${offset} of ${source.size})`,
  );
}

export const WIRE = { VARINT: 0, FIXED64: 1, BYTES: 2, FIXED32: 5 } as const;

/** More fields than this are no model but an attempt to keep the thread busy. */
const MAX_FIELDS = 20_000_000;

/** Fields that a whole walk over one source may still read. */
export interface FieldBudget {
  left: number;
}

/**
 * Walks the fields of one protobuf message without copying: `next()` moves to the next field, whose payload lies in
 * [`start`, `finish`). See https://protobuf.dev/programming-guides/encoding/.
 */
export class WireReader {
  readonly source: ByteSource;
  readonly #end: number;
  readonly #budget: FieldBudget;
  #at: number;
  field = 0;
  wire = 0;
  /** Where the tag of this field begins: [`from`, `finish`) is the whole field. */
  from = 0;
  start = 0;
  finish = 0;
  /** Of a VARINT field. */
  value = 0;

  constructor(source: ByteSource, start = 0, end = source.size, budget: FieldBudget = { left: MAX_FIELDS }) {
    this.source = source;
    this.#at = start;
    this.#end = end;
    this.#budget = budget;
  }

  next(): boolean {
    if (this.#at === this.#end) return false;
    if (--this.#budget.left < 0) throw malformed(this.source, this.#at, `it has more than ${MAX_FIELDS} fields`);
    this.from = this.#at;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    this.wire = tag % 8;
    if (this.field === 0) throw malformed(this.source, this.from, 'field number 0');
    this.start = this.#at;
    if (this.wire === WIRE.VARINT) {
      this.value = this.#varint();
    } else {
      const length = this.#length();
      this.start = this.#at;
      if (length > this.#end - this.#at) {
        throw malformed(
          this.source,
          this.from,
          `field ${this.field} is ${length} bytes long, ${this.#end - this.#at} are left: truncated or corrupt`,
        );
      }
      this.#at += length;
    }
    this.finish = this.#at;
    return true;
  }

  /** The payload of this field as a message. */
  message(): WireReader {
    if (this.wire !== WIRE.BYTES) throw malformed(this.source, this.from, `field ${this.field} is not a message`);
    return new WireReader(this.source, this.start, this.finish, this.#budget);
  }

  /** The payload of this field as text of at most `limit` bytes. */
  text(limit = 65_536): string {
    if (this.wire !== WIRE.BYTES) throw malformed(this.source, this.from, `field ${this.field} is not text`);
    if (this.finish - this.start > limit)
      throw malformed(this.source, this.from, `a name is longer than ${limit} bytes`);
    return Buffer.from(this.source.bytes(this.start, this.finish)).toString('utf8');
  }

  number(): number {
    if (this.wire !== WIRE.VARINT) throw malformed(this.source, this.from, `field ${this.field} is not a number`);
    return this.value;
  }

  #length(): number {
    switch (this.wire) {
      case WIRE.FIXED64:
        return 8;
      case WIRE.FIXED32:
        return 4;
      case WIRE.BYTES:
        return this.#varint();
      default:
        throw malformed(this.source, this.from, `wire type ${this.wire}`);
    }
  }

  /** A negative int64 comes as such; beyond 2^53 the value is inexact, which no field read here can mean. */
  #varint(): number {
    let value = 0;
    let scale = 1;
    const first = this.#at;
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#end) throw malformed(this.source, first, 'it ends in the middle of a number');
      const byte = this.source.byte(this.#at++);
      if (i === 9 && byte > 1) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return i === 9 ? this.#signed(first) : value;
      scale *= 128;
    }
    throw malformed(this.source, first, 'a number of more than 64 bits');
  }

  #signed(first: number): number {
    let value = 0n;
    for (let at = first; at < this.#at; at++) value |= BigInt(this.source.byte(at) & 0x7f) << BigInt(7 * (at - first));
    return Number(BigInt.asIntN(64, value));
  }
}
