import type { WireReader } from './protobuf.js';
import { WIRE } from './protobuf.js';

/** Puts a protobuf message together from fields of its own and fields copied from another one. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** The field at which the reader stands, as it is. */
  copy(reader: WireReader): void {
    this.#push(reader.source.bytes(reader.from, reader.finish));
  }

  number(field: number, value: number): void {
    this.#push(varint(field * 8 + WIRE.VARINT));
    this.#push(varint(value));
  }

  text(field: number, value: string): void {
    this.#bytes(field, [Buffer.from(value, 'utf8')]);
  }

  message(field: number, message: WireWriter): void {
    this.#bytes(field, message.#parts);
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  #bytes(field: number, parts: readonly Uint8Array[]): void {
    this.#push(varint(field * 8 + WIRE.BYTES));
    this.#push(varint(parts.reduce((sum, part) => sum + part.length, 0)));
    for (const part of parts) this.#push(part);
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.length;
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
