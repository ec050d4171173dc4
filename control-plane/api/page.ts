import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';

const TAG_BYTES = 12;
const MOST_ITEMS = 500;

/** The parameters of every list that comes page by page. */
export const PAGE_PARAMETERS = {
  limit: z.coerce.number().int().min(1).max(MOST_ITEMS).default(100).describe('most items of a page'),
  cursor: z.string().optional().describe('next_cursor of the page before; without it the first page'),
};

export interface Page<T> {
  readonly items: readonly T[];
  /** null: this was the last page. */
  readonly next_cursor: string | null;
}

/**
 * Where a page ended, as text that means nothing to its reader: signed for one list with one filter, so that it can neither be made up nor taken to
 * another list, where it would skip what nobody saw.
 */
export class Cursors<T> {
  readonly #key: Buffer;
  readonly #position: z.ZodType<T>;

  constructor(key: Buffer, position: z.ZodType<T>) {
    this.#key = key;
    this.#position = position;
  }

  write(list: string, filter: object, position: T): string {
    const body = Buffer.from(JSON.stringify(position));
    return Buffer.concat([this.#tag(list, filter, body), body]).toString('base64url');
  }

  /** undefined: the first page. Throws INVALID_PARAMETER. */
  read(list: string, filter: object, text: string | undefined): T | undefined {
    if (text === undefined) return undefined;
    const bytes = Buffer.from(text, 'base64url');
    const [tag, body] = [bytes.subarray(0, TAG_BYTES), bytes.subarray(TAG_BYTES)];
    const isOurs = tag.length === TAG_BYTES && timingSafeEqual(tag, this.#tag(list, filter, body));
    if (isOurs && bytes.toString('base64url') === text) return this.#position.parse(JSON.parse(body.toString('utf8')));
    throw new TidegateError(
      'INVALID_PARAMETER',
      `'cursor' is '${text}', which no page of this list with this filter ended with: begin without one`,
    );
  }

  #tag(list: string, filter: object, body: Buffer): Buffer {
    const scope = JSON.stringify([list, Object.entries(filter).sort(([a], [b]) => (a < b ? -1 : 1))]);
    return createHmac('sha256', this.#key).update(`${scope}\n`).update(body).digest().subarray(0, TAG_BYTES);
  }
}

/** One page of a list that is in memory, sorted by a key that never changes. */
export function pageOf<T>(
  sorted: readonly T[],
  limit: number,
  behind: (item: T) => boolean,
  cursorOf: (last: T) => string,
): Page<T> {
  const rest = sorted.filter(behind);
  const items = rest.slice(0, limit);
  return { items, next_cursor: rest.length > limit ? cursorOf(items[items.length - 1]) : null };
}
