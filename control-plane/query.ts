import { z } from 'zod';
import { TidegateError } from '../contract/error.js';
import { nearestName } from '../std/nearest-name.js';

/** Reads what came from outside by its schema. Throws INVALID_PARAMETER that names the member, its value and, for unknown ones, the nearest known. */
export function parsed<S extends z.ZodObject>(schema: S, given: Readonly<Record<string, unknown>>): z.infer<S> {
  const known = Object.keys(schema.shape);
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const nearest = nearestName(name, known);
    const hint = nearest === undefined ? `known are ${known.join(', ')}` : `did you mean '${nearest}'?`;
    throw new TidegateError('INVALID_PARAMETER', `'${name}' is no parameter: ${hint}`);
  }
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue.path.join('.');
  const value = JSON.stringify(path === '' ? given : given[String(issue.path[0])]);
  throw new TidegateError('INVALID_PARAMETER', `'${path}' is ${value ?? 'missing'}: ${issue.message}`);
}

/** A moment, as RFC 3339 or as a span before now: `24h`, `90m`, `7d`. */
export function moment(now_ms: () => number) {
  return z.string().transform((text, context) => {
    const span = /^(\d+)(m|h|d)$/.exec(text);
    if (span !== null) return now_ms() - Number(span[1]) * UNIT_MS[span[2]];
    const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
    if (Number.isNaN(time)) {
      context.addIssue({
        code: 'custom',
        message: 'give a time like 2026-01-31T12:00:00Z, or a span before now like 24h',
      });
      return z.NEVER;
    }
    return time;
  });
}

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A window as [from, to). Throws INVALID_PARAMETER where nothing can lie in it. */
export function nonEmpty(from_ms: number, to_ms: number): { readonly from_ms: number; readonly to_ms: number } {
  if (from_ms < to_ms) return { from_ms, to_ms };
  const [from, to] = [new Date(from_ms).toISOString(), new Date(to_ms).toISOString()];
  throw new TidegateError('INVALID_PARAMETER', `the window from ${from} to ${to} is empty: 'from' must be before 'to'`);
}

/** The members of a body. Throws INVALID_JSON for what is no JSON object. */
export function bodyObject(text: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch (cause) {
    throw new TidegateError('INVALID_JSON', 'the body must be a JSON object', { cause });
  }
}
