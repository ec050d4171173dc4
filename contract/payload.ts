import { z } from 'zod';
import { TidegateError } from './error.js';

/**
 * What travels over the bus is JSON with `v: 1`. Members that this program does not know are kept, so that an older reader may hand a record on unharmed;
 * another `v` is refused as UNSUPPORTED, because its known members may mean something else.
 */
export function readPayload<T>(what: string, schema: z.ZodType<T>, text: string): T {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (thrown) {
    throw new TidegateError('INVALID_JSON', `${what} is not JSON: ${String(thrown)}`, { cause: thrown });
  }
  const versioned = z.looseObject({ v: z.unknown() }).safeParse(given);
  if (versioned.success && versioned.data.v !== 1) {
    const v = JSON.stringify(versioned.data.v) ?? 'missing';
    throw new TidegateError('UNSUPPORTED', `${what} has v ${v}; this program reads v 1: update it`);
  }
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new TidegateError('INVALID_CONFIG', `${what} is wrong: ${z.prettifyError(parsed.error)}`);
}
