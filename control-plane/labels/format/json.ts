import type { Readable } from 'node:stream';
import { TidegateError } from '../../../contract/error.js';
import type { GivenRow } from '../given-row.js';
import { MOST_HELD_BYTES, readAll } from './held-body.js';

/** One object, or an array of them. Throws INVALID_JSON; BODY_TOO_LARGE where it would have to be held whole. */
export async function* jsonRows(body: Readable): AsyncGenerator<GivenRow> {
  const bytes = await readAll(body, MOST_HELD_BYTES, 'send labels one to a line as application/x-ndjson');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError('INVALID_JSON', `the body is not JSON: ${reason}`, { cause });
  }
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  for (const [i, each] of values.entries()) yield { row: i + 1, value: each };
}
