import type { Context } from 'hono';
import { TidegateError } from '../contract/error.js';

/** The revision of `If-Match: "12"`; undefined: the caller does not say what they saw. Throws INVALID_PARAMETER. */
export function revisionSeen(context: Context): number | undefined {
  const header = context.req.header('if-match');
  if (header === undefined || header === '*') return undefined;
  const found = /^(?:W\/)?"(\d+)"$/.exec(header);
  if (found !== null) return Number(found[1]);
  throw new TidegateError('INVALID_PARAMETER', `If-Match is '${header}': give the ETag that was answered, like "12"`);
}
