import type { Context, MiddlewareHandler } from 'hono';
import { TidegateError } from '../../contract/error.js';
import { neededRole, routeDescription } from '../api/described.js';
import type { FailureLimit } from './failure-limit.js';
import { refuseForeignPages } from './own-page.js';
import { type Caller, LOCAL_CALLER, mayAct, type NeededRole } from './role.js';
import { checkToken, readToken, unknownToken } from './token.js';
import type { TokenStore } from './token-store.js';

declare module 'hono' {
  interface ContextVariableMap {
    /** Who asks, once they were let in. */
    caller: Caller | undefined;
    /** Who asks, and may have been refused. */
    known: Caller | undefined;
  }
}

export interface Access {
  readonly tokens: TokenStore;
  readonly limit: FailureLimit;
  readonly environment: string;
  /** Only this machine reaches the listener, and nobody wants tokens even so. */
  readonly isOpen: boolean;
  readonly now_ms: () => number;
  /** Where a request comes from. */
  readonly addressOf: (context: Context) => string;
  /** Told when a use of a token could not be noted: the request goes on. */
  readonly onUnnoted: (error: unknown) => void;
}

const NOBODY: Caller = { token: '', name: 'anonymous', role: 'viewer' };

/** Lets through who may do what the route asks, and nobody else. Throws UNAUTHENTICATED, FORBIDDEN, TOO_MANY_FAILURES. */
export function guard(access: Access): MiddlewareHandler {
  return async (context, next) => {
    const needed = neededRole(routeDescription(context), context.req.method);
    if (needed === 'anyone') {
      context.set('caller', NOBODY);
      return next();
    }
    try {
      const caller = await identified(access, context);
      context.set('known', caller);
      refuseLower(caller, needed, context);
      context.set('caller', caller);
    } catch (error) {
      throw limited(access, context, error);
    }
    return next();
  };
}

async function identified(access: Access, context: Context): Promise<Caller> {
  const header = context.req.header('authorization');
  if (header === undefined) {
    if (!access.isOpen) {
      throw new TidegateError(
        'UNAUTHENTICATED',
        'this control plane wants a token: send Authorization: Bearer tg_…, for tidegate set TIDEGATE_TOKEN',
      );
    }
    refuseForeignPages(context.req.header('host'), context.req.header('origin'));
    return LOCAL_CALLER;
  }
  const [scheme, text = ''] = header.split(/ +/, 2);
  const given = scheme.toLowerCase() === 'bearer' ? readToken(text) : undefined;
  if (given === undefined) throw unknownToken();
  const now_ms = access.now_ms();
  const record = checkToken(await access.tokens.find(given.id), given.secret, {
    environment: access.environment,
    now_ms,
  });
  try {
    access.tokens.used(record.id, now_ms);
  } catch (error) {
    access.onUnnoted(error);
  }
  return { token: record.id, name: record.name, role: record.role };
}

function refuseLower({ role, name }: Caller, needed: NeededRole, context: Context): void {
  if (mayAct(role, needed)) return;
  throw new TidegateError(
    'FORBIDDEN',
    `${context.req.method} ${context.req.path} takes the role ${needed}, and '${name}' is ${role}: ask an admin for a token that may`,
  );
}

/** What a refused caller is told: too many refusals from one place hide why, and cost nobody anything. */
function limited({ limit, addressOf, now_ms }: Access, context: Context, error: unknown): unknown {
  if (!(error instanceof TidegateError) || (error.code !== 'UNAUTHENTICATED' && error.code !== 'FORBIDDEN'))
    return error;
  const address = addressOf(context);
  const wait_ms = limit.failed(address, now_ms());
  if (wait_ms === 0) return error;
  return new TidegateError(
    'TOO_MANY_FAILURES',
    `too many requests from ${address} were refused: try again in ${Math.ceil(wait_ms / 1000)} s, with a token that may`,
    { retry_after_ms: wait_ms },
  );
}
