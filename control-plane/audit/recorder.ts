import type { Context, MiddlewareHandler } from 'hono';
import { asTidegateError, TidegateError } from '../../contract/error.js';
import { isReading, routeDescription } from '../api/described.js';
import type { AuditStore } from './audit-store.js';
import type { AuditEntry, NewFact } from './entry.js';

/** What was done, for those who follow it. */
export interface Change {
  readonly method: string;
  readonly path: string;
  readonly what: string;
  readonly by: string;
  readonly etag: string | undefined;
}

export interface Recording {
  readonly audit: AuditStore;
  readonly addressOf: (context: Context) => string;
  /** Told of every change that was made. */
  readonly onChange: (change: Change) => void;
  /** Told when a refusal, or the end of a change, could not be written. */
  readonly onUnwritten: (error: unknown) => void;
}

const NOBODY = { name: 'unknown', token: '', role: '' };
const MOST_DETAIL = 500;

/** Stands before the guard: what it refuses is written down. Beyond the limit of an address only the limit itself is told, so that nobody fills the disk. */
export function recordRefusals({ audit, addressOf, onUnwritten }: Recording): MiddlewareHandler {
  return async (context, next) => {
    await next();
    if (context.error === undefined || context.get('caller') !== undefined) return;
    const { code, message } = asTidegateError(context.error);
    if (code !== 'UNAUTHENTICATED' && code !== 'FORBIDDEN') return;
    const { method, path } = context.req;
    const fact: NewFact = {
      kind: 'refused',
      who: { ...(context.get('known') ?? NOBODY) },
      from: addressOf(context),
      method,
      path: path.slice(0, MOST_DETAIL),
      code,
      detail: message.slice(0, MOST_DETAIL),
    };
    try {
      audit.append(fact);
    } catch (error) {
      onUnwritten(error);
    }
  };
}

/** Stands behind the guard: every change is written down before it is made, and what became of it. Throws STORE_UNAVAILABLE where it cannot be written: then nothing is changed. */
export function recordChanges({ audit, addressOf, onChange, onUnwritten }: Recording): MiddlewareHandler {
  return async (context, next) => {
    if (isReading(context.req.method)) return next();
    const { n } = asked(audit, context, addressOf(context));
    await next();
    if (context.res.status < 400) onChange(changeOf(context));
    try {
      audit.append(answered(context, n));
    } catch (error) {
      onUnwritten(error);
    }
  };
}

function changeOf(context: Context): Change {
  const { method, path } = context.req;
  const what = routeDescription(context)?.summary ?? '';
  const etag = context.res.headers.get('etag') ?? undefined;
  return { method, path, what, by: (context.get('caller') ?? NOBODY).name, etag };
}

function asked(audit: AuditStore, context: Context, from: string): AuditEntry {
  const { method, path } = context.req;
  const what = routeDescription(context)?.summary ?? '';
  const who = context.get('caller') ?? NOBODY;
  try {
    return audit.append({ kind: 'asked', who: { ...who }, from, method, path: path.slice(0, MOST_DETAIL), what });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError(
      'STORE_UNAVAILABLE',
      `nothing was changed, for the audit log cannot be written: ${why}; is the disk full?`,
      { cause },
    );
  }
}

function answered(context: Context, of: number): NewFact {
  const { status } = context.res;
  const outcome = status < 400 ? 'done' : status < 500 ? 'refused' : 'failed';
  const etag = context.res.headers.get('etag');
  const told = context.error === undefined ? undefined : asTidegateError(context.error);
  return {
    kind: 'answered',
    of,
    status,
    outcome,
    ...(told === undefined ? {} : { code: told.code, detail: told.message.slice(0, MOST_DETAIL) }),
    ...(etag === null ? {} : { etag }),
  };
}
