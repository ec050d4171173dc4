import type { z } from 'zod';
import { TidegateError } from '../../contract/error.js';

/** A line of a journal of ours. Throws INVALID_CONFIG where somebody damaged it, with what is lost when the file is moved away. */
export function keptLine<T>(schema: z.ZodType<T>, line: string, path: string, lost: string): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (cause) {
    throw new TidegateError(
      'INVALID_CONFIG',
      `${path} holds a line that cannot be read ('${line.slice(0, 80)}'): move the file away, which forgets ${lost}`,
      { cause },
    );
  }
}
