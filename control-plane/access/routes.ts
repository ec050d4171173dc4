import { type Context, Hono } from 'hono';
import type { z } from 'zod';
import { described } from '../api/described.js';
import { bodyObject, parsed } from '../query.js';
import { LOCAL_CALLER } from './role.js';
import { makeToken, type TokenRecord } from './token.js';
import { noToken } from './token-journal.js';
import { expiry, MadeTokenSchema, NewTokenSchema, ShownTokenSchema, TokensSchema } from './token-message.js';
import type { ListedToken, TokenStore } from './token-store.js';

export interface TokenServices {
  readonly tokens: TokenStore;
  readonly now_ms: () => number;
}

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

function nameOf(context: Context): string {
  return (context.get('caller') ?? LOCAL_CALLER).name;
}

function shown(record: TokenRecord & Pick<ListedToken, 'last_used_at'>): z.infer<typeof ShownTokenSchema> {
  const { hash: _hash, ...rest } = record;
  return rest;
}
