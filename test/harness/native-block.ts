/** Reads one block of the Native format, as far as tests need it: rows as objects, 64-bit numbers as numbers. */
export function readNativeBlock(bytes: Buffer): Record<string, unknown>[] {
  const cursor = new Cursor(bytes);
  const columns = cursor.length();
  const rows = cursor.length();
  const found: Record<string, unknown>[] = Array.from({ length: rows }, () => ({}));
  for (let column = 0; column < columns; column++) {
    const name = cursor.text();
    const values = cursor.column(cursor.text(), rows);
    for (const [row, each] of found.entries()) each[name] = values[row];
  }
  if (cursor.at !== bytes.length) throw new RangeError(`${bytes.length - cursor.at} bytes behind the block`);
  return found;
}

class Cursor {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  length(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  text(): string {
    const end = this.length() + this.at;
    const value = this.#bytes.toString('utf8', this.at, end);
    this.at = end;
    return value;
  }

  column(type: string, rows: number): unknown[] {
    const items = /^Array\((.*)\)$/.exec(type)?.[1];
    if (items !== undefined) return this.#nested(rows, (count) => this.column(items, count));
    if (type === 'Map(String, String)') {
      return this.#nested(rows, (count) => {
        const [keys, values] = [this.column('String', count), this.column('String', count)];
        return keys.map((key, index) => [key, values[index]]);
      });
    }
    return Array.from({ length: rows }, () => this.#value(type));
  }

  #nested(rows: number, read: (count: number) => unknown[]): unknown[] {
    const ends = Array.from({ length: rows }, () => Number(this.#value('UInt64')));
    const items = read(ends.at(-1) ?? 0);
    return ends.map((end, row) => items.slice(row === 0 ? 0 : ends[row - 1], end));
  }

  #value(type: string): unknown {
    if (type === 'String') return this.text();
    const { at } = this;
    const read = NUMBERS[type.replace(/\(.*/, '')];
    if (read === undefined) throw new RangeError(`type ${type}`);
    const [width, value] = read(this.#bytes, at);
    this.at += width;
    return value;
  }
}

const NUMBERS: Readonly<Record<string, (bytes: Buffer, at: number) => readonly [width: number, value: number]>> = {
  UInt8: (bytes, at) => [1, bytes.readUInt8(at)],
  UInt16: (bytes, at) => [2, bytes.readUInt16LE(at)],
  UInt32: (bytes, at) => [4, bytes.readUInt32LE(at)],
  UInt64: (bytes, at) => [8, Number(bytes.readBigUInt64LE(at))],
  DateTime64: (bytes, at) => [8, Number(bytes.readBigInt64LE(at))],
  Float32: (bytes, at) => [4, bytes.readFloatLE(at)],
  Float64: (bytes, at) => [8, bytes.readDoubleLE(at)],
};
