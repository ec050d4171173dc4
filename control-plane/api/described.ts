import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { z } from 'zod';
import type { NeededRole } from '../access/role.js';

/** What a route says of itself: the description is made from it, and so is who may call it. */
export interface RouteDescription {
  readonly summary: string;
  readonly tag: string;
  /** Without it viewers may read, and operators may change. */
  readonly role?: NeededRole;
  readonly query?: z.ZodObject;
  /** The schema of a JSON body. */
  readonly body?: z.ZodType;
  /** Bodies that are no JSON, by their media types. */
  readonly bodyTypes?: readonly string[];
  readonly headers?: readonly HeaderDescription[];
  /** By status; a route that names none answers 200 with JSON. */
  readonly answers?: Readonly<Record<number, AnswerDescription>>;
  /** It makes something: it takes an Idempotency-Key. */
  readonly creates?: boolean;
  /** It changes what is there: what the caller saw of it must be said by If-Match. `asked`: it may be said. */
  readonly ifMatch?: 'required' | 'asked';
  /** It may take long: with `Prefer: respond-async` it becomes an operation. */
  readonly long?: boolean;
}

export interface HeaderDescription {
  readonly name: string;
  readonly description: string;
  readonly isRequired?: boolean;
}

export interface AnswerDescription {
  readonly description: string;
  readonly body?: z.ZodType;
  /** Media types of an answer that is no JSON. */
  readonly types?: readonly string[];
}

const descriptions = new WeakMap<object, RouteDescription>();

/** Stands before the handler of a route, and says what the route is. */
export function described(description: RouteDescription): MiddlewareHandler {
  const handler: MiddlewareHandler = (_context, next) => next();
  descriptions.set(handler, description);
  return handler;
}

/** What the route says whose handlers hold `handler`; undefined: this one says nothing. */
export function descriptionOf(handler: object): RouteDescription | undefined {
  return descriptions.get(handler);
}

/** What the route of this request says of itself. */
export function routeDescription(context: Context): RouteDescription | undefined {
  for (const { handler } of matchedRoutes(context)) {
    const found = descriptions.get(handler);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function isReading(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/** Who may call it. */
export function neededRole(description: RouteDescription | undefined, method: string): NeededRole {
  return description?.role ?? (isReading(method) ? 'viewer' : 'operator');
}
