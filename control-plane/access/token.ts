import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { NameSchema } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';
import { RoleSchema } from './role.js';

const ID_BYTES = 6;
const SECRET_BYTES = 32;
const TEXT = /^tg_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;
/** How far the clocks of two control planes may be apart before a token from the future is refused. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

const moment = z.iso.datetime();

/** What is kept of a token: never its secret. */
export const TokenRecordSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{12}$/),
  name: z.string().min(1).max(200),
  role: RoleSchema,
  /** Environments whose control planes take it; empty: all. */
  environments: z.array(NameSchema),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  created_at: moment,
  created_by: z.string(),
  expires_at: moment.nullable(),
  revoked_at: moment.nullable(),
  revoked_by: z.string().nullable(),
});
export type TokenRecord = z.infer<typeof TokenRecordSchema>;

export interface NewToken extends Pick<TokenRecord, 'name' | 'role' | 'environments' | 'created_by'> {
  /** undefined: for ever. */
  readonly expires_ms: number | undefined;
  readonly now_ms: number;
}

/** A new token: what is kept, and the text that is shown once. */
export function makeToken({ name, role, environments, created_by, expires_ms, now_ms }: NewToken): {
  readonly record: TokenRecord;
  readonly text: string;
} {
  const id = randomBytes(ID_BYTES).toString('hex');
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const record: TokenRecord = {
    id,
    name,
    role,
    environments: [...new Set(environments)],
    hash: hashOf(secret),
    created_at: new Date(now_ms).toISOString(),
    created_by,
    expires_at: expires_ms === undefined ? null : new Date(expires_ms).toISOString(),
    revoked_at: null,
    revoked_by: null,
  };
  return { record, text: `tg_${id}_${secret}` };
}

/**
 * SHA-256, and not a slow hash: a slow one protects passwords, which can be guessed. The secret is 256 random bits, which cannot, and a slow hash
 * would let anybody keep the control plane busy with wrong tokens.
 */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** The parts of what a caller sent; undefined: it is no token of ours. */
export function readToken(text: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = TEXT.exec(text) ?? [];
  return id === undefined ? undefined : { id, secret };
}

/** What is compared with where there is no such token, so that the time of an answer does not tell whether there is. */
const NO_HASH = hashOf('no token');

/**
 * Throws UNAUTHENTICATED where the token does not hold here and now, FORBIDDEN where it is for other environments. Only whoever knows the secret is
 * told why: to everybody else a revoked token, an expired one and none are the same.
 */
export function checkToken(
  record: TokenRecord | undefined,
  secret: string,
  { environment, now_ms }: { readonly environment: string; readonly now_ms: number },
): TokenRecord {
  const isRight = timingSafeEqual(Buffer.from(hashOf(secret)), Buffer.from(record?.hash ?? NO_HASH));
  if (record === undefined || !isRight) throw unknownToken();
  const { id, name, revoked_at, expires_at, created_at, environments } = record;
  const here = new Date(now_ms).toISOString();
  const refuse = (why: string) => new TidegateError('UNAUTHENTICATED', `the token ${id} ('${name}') ${why}`);
  if (revoked_at !== null) throw refuse(`was revoked at ${revoked_at}: ask an admin for another`);
  if (expires_at !== null && Date.parse(expires_at) <= now_ms) {
    throw refuse(`expired at ${expires_at}, and the clock of the control plane says ${here}: ask an admin for another`);
  }
  if (Date.parse(created_at) > now_ms + CLOCK_TOLERANCE_MS) {
    throw refuse(
      `was made at ${created_at}, and the clock of the control plane says ${here}: one of the two clocks is off, set it right`,
    );
  }
  if (environments.length > 0 && !environments.includes(environment)) {
    throw new TidegateError(
      'FORBIDDEN',
      `the token ${id} ('${name}') is for ${environments.join(', ')}, and this control plane is of ${environment}`,
    );
  }
  return record;
}

export function unknownToken(): TidegateError {
  return new TidegateError(
    'UNAUTHENTICATED',
    'the token is not known here: give one that tidegate token create printed, as Authorization: Bearer tg_…',
  );
}

/** Whether it opens anything at this moment. */
export function isUsable({ revoked_at, expires_at }: TokenRecord, now_ms: number): boolean {
  return revoked_at === null && (expires_at === null || Date.parse(expires_at) > now_ms);
}
