import type { MiddlewareHandler } from 'hono';
import { TidegateError } from '../../contract/error.js';
import { routeDescription } from './described.js';

/**
 * Who changes what others may change too says which state they saw, so that nobody undoes by accident what another just did. `If-Match: *` says: whatever
 * it is by now. Throws PRECONDITION_REQUIRED.
 */
export const requireSeen: MiddlewareHandler = (context, next) => {
  if (routeDescription(context)?.ifMatch !== 'required' || context.req.header('if-match') !== undefined) return next();
  throw new TidegateError(
    'PRECONDITION_REQUIRED',
    `${context.req.method} ${context.req.path} changes what others may be changing: send the ETag that you read as If-Match, or If-Match: * to change it whatever it is by now`,
  );
};
