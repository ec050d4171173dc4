import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { NameSchema } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';
import { described } from '../api/described.js';
import { bodyObject, parsed } from '../query.js';
import { LOCAL_CALLER, RoleSchema } from './role.js';
import { makeToken, type TokenRecord, TokenRecordSchema } from './token.js';
import { noToken } from './token-journal.js';
import type { ListedToken, TokenStore } from './token-store.js';

const MOST_YEARS_MS = 10 * 366 * 86_400_000;

export interface TokenServices {
  readonly tokens: TokenStore;
  readonly now_ms: () => number;
}

const NewTokenSchema = z.strictObject({
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

/** `/v1/tokens`: docs/access.md. */
export function tokenRoutes({ tokens, now_ms }: TokenServices): Hono {
  const app = new Hono();
  app.get(
    '/',
    described({
      summary: 'List tokens',
      tag: 'Access',
      role: 'admin',
      answers: { 200: { description: 'All tokens, oldest first; never their secrets', body: TokensSchema } },
    }),
    async (context) => context.json({ items: (await tokens.list()).map(shown) }),
  );
  app.post(
    '/',
    described({
      summary: 'Make a token',
      tag: 'Access',
      role: 'admin',
      body: NewTokenSchema,
      answers: { 201: { description: 'The token, with its secret', body: MadeTokenSchema } },
    }),
    async (context) => {
      const { expires_in_s, ...wanted } = parsed(NewTokenSchema, bodyObject(await context.req.text()));
      const { record, text } = makeToken({
        ...wanted,
        created_by: nameOf(context),
        expires_ms: expiry(expires_in_s, now_ms()),
        now_ms: now_ms(),
      });
      await tokens.add(record);
      return context.json({ ...shown({ ...record, last_used_at: null }), token: text }, 201);
    },
  );
  app.delete(
    '/:id',
    described({
      summary: 'Revoke a token',
      tag: 'Access',
      role: 'admin',
      answers: { 200: { description: 'The token as it is now', body: ShownTokenSchema } },
    }),
    async (context) => {
      const id = context.req.param('id');
      if ((await tokens.find(id)) === undefined) throw noToken(id);
      const revoked = await tokens.revoke(id, nameOf(context), now_ms());
      return context.json(shown({ ...revoked, last_used_at: null }));
    },
  );
  return app;
}

/** When a token of so many seconds expires. Throws INVALID_PARAMETER beyond what a time can say. */
export function expiry(expires_in_s: number | undefined, now_ms: number): number | undefined {
  if (expires_in_s === undefined) return undefined;
  if (expires_in_s * 1000 <= MOST_YEARS_MS) return now_ms + expires_in_s * 1000;
  throw new TidegateError(
    'INVALID_PARAMETER',
    `'expires_in_s' is ${expires_in_s}: give at most ten years, or leave it out`,
  );
}

function nameOf(context: Context): string {
  return (context.get('caller') ?? LOCAL_CALLER).name;
}

function shown(record: TokenRecord & Pick<ListedToken, 'last_used_at'>): z.infer<typeof ShownTokenSchema> {
  const { hash: _hash, ...rest } = record;
  return rest;
}
