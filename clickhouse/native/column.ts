/**
 * Columns of ClickHouse's Native format, filled value by value and used again for the next block. Each type has a class of its own, so
 * that its loops see one kind of typed array only.
 */
export interface Column {
  /** Type in ClickHouse. */
  readonly type: string;
  /** Values so far. */
  readonly length: number;
  readonly bytes: number;
  clear(): void;
  /** Adds the memory that holds the column, in the order of the wire. Valid until the next change. */
  collect(into: Uint8Array[]): void;
}

export const FIRST_LENGTH = 1024;

/** Twice as long until `needed` fits. */
export function grownLength(length: number, needed: number): number {
  let grown = length;
  while (grown < needed) grown *= 2;
  return grown;
}
