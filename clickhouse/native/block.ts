import type { Column } from './column.js';
import { StringColumn } from './string-column.js';

/**
 * One block of the Native format: number of columns and of rows, then name, type and values of each column
 * (https://clickhouse.com/docs/interfaces/formats/Native). The server converts a column that it keeps as another type.
 */
export class NativeBlock {
  readonly #columns: readonly (readonly [name: string, column: Column])[];

  constructor(columns: readonly (readonly [name: string, column: Column])[]) {
    this.#columns = columns;
  }

  get names(): readonly string[] {
    return this.#columns.map(([name]) => name);
  }

  get rows(): number {
    return this.#columns[0]?.[1].length ?? 0;
  }

  get bytes(): number {
    let bytes = 0;
    for (const [, column] of this.#columns) bytes += column.bytes;
    return bytes;
  }

  clear(): void {
    for (const [, column] of this.#columns) column.clear();
  }

  /** The pieces that make the block when they are written one behind the other. They lie in the columns: valid until the next change. */
  encode(): Uint8Array[] {
    const { rows } = this;
    const pieces: Uint8Array[] = [Buffer.concat([variableLength(this.#columns.length), variableLength(rows)])];
    for (const [name, column] of this.#columns) {
      if (column.length !== rows) {
        throw new RangeError(`column ${name} has ${column.length} values in a block of ${rows} rows`);
      }
      const title = new StringColumn();
      title.push(name);
      title.push(column.type);
      title.collect(pieces);
      column.collect(pieces);
    }
    return pieces;
  }
}

function variableLength(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
