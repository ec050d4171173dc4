import { z } from 'zod';
import { NameSchema } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';
import { RoleSchema } from './role.js';
import { TokenRecordSchema } from './token.js';

const MOST_YEARS_MS = 10 * 366 * 86_400_000;

export const NewTokenSchema = z.strictObject({
  name: z.string().min(1).max(200).describe('who or what uses it'),
  role: RoleSchema,
  environments: z.array(NameSchema).default([]).describe('environments that it is for; none: all'),
  expires_in_s: z.int().positive().optional().describe('seconds until it expires; without it never'),
});
export const ShownTokenSchema = TokenRecordSchema.omit({ hash: true }).extend({
  last_used_at: z.string().nullable(),
});
export const TokensSchema = z.object({ items: z.array(ShownTokenSchema) });
export const MadeTokenSchema = ShownTokenSchema.extend({ token: z.string().describe('shown this once') });

/** When a token of so many seconds expires. Throws INVALID_PARAMETER beyond what a time can say. */
export function expiry(expires_in_s: number | undefined, now_ms: number): number | undefined {
  if (expires_in_s === undefined) return undefined;
  if (expires_in_s * 1000 <= MOST_YEARS_MS) return now_ms + expires_in_s * 1000;
  throw new TidegateError(
    'INVALID_PARAMETER',
    `'expires_in_s' is ${expires_in_s}: give at most ten years, or leave it out`,
  );
}
