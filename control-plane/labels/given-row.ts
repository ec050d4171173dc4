/** One row of what somebody sent, as its format gives it: a value, or why it has none. Rows count from 1. */
export type GivenRow =
  | { readonly row: number; readonly value: unknown; readonly problem?: undefined }
  | { readonly row: number; readonly problem: string };

/** Lets only columns through that a label may have: files of others have many more. Empty cells are absent. */
export function knownCells(
  cells: Readonly<Record<string, unknown>>,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    known.flatMap((name) => {
      const value = cells[name];
      return value === undefined || value === null || value === '' ? [] : [[name, value]];
    }),
  );
}
