import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';

/** Where a page ended: the key of its last row. Rows that arrive later never move what comes behind it. */
const CursorSchema = z.tuple([
  z.string().regex(/^\d+$/),
  z.string(),
  z.string().regex(/^\d+$/),
  z.string().regex(/^\d+$/),
  z.int().nonnegative(),
]);

export type Cursor = z.infer<typeof CursorSchema>;

export function cursorText(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/** Throws INVALID_PARAMETER for what no answer ever gave. */
export function readCursor(text: string): Cursor {
  try {
    return CursorSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
  } catch (cause) {
    throw new TidegateError('INVALID_PARAMETER', `'cursor' is '${text}', which no page ended with: begin without one`, {
      cause,
    });
  }
}
