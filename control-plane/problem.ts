import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { asTidegateError, ERROR_KINDS, type ErrorCode, TidegateError } from '../contract/error.js';

/** An error as RFC 9457 has it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
}

/** What is answered for something that was thrown. */
export function problemOf(thrown: unknown): Problem {
  const { code, message } = shownError(thrown);
  const title = code.toLowerCase().replaceAll('_', ' ');
  return { type: `urn:tidegate:error:${code}`, title, status: ERROR_KINDS[code].http, detail: message, code };
}

/** The whole answer: the problem, and the headers that belong to it. */
export function answerProblem(context: Context, thrown: unknown): Response {
  const error = shownError(thrown);
  const problem = problemOf(error);
  if (error.code === 'UNAUTHENTICATED') context.header('www-authenticate', 'Bearer realm="tidegate"');
  if (error.retry_after_ms !== undefined) {
    context.header('retry-after', String(Math.max(1, Math.ceil(error.retry_after_ms / 1000))));
  }
  return context.body(JSON.stringify(problem), problem.status as ContentfulStatusCode, {
    'content-type': 'application/problem+json',
  });
}

/** What was thrown, as it may be shown. */
export function shownError(thrown: unknown): TidegateError {
  return asTidegateError(storeProblem(thrown));
}

/** UNKNOWN_TABLE and UNKNOWN_DATABASE of ClickHouse. */
const MISSING: readonly string[] = ['60', '81'];

/** A ClickHouse that does not answer, or whose tables are still to be made, is no mistake of ours, and asking later may help. */
function storeProblem(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !('code' in thrown)) return thrown;
  if (MISSING.includes(String(thrown.code))) {
    const message =
      'the tables of the prediction log are not there yet: they are made when ClickHouse is reached, try again';
    return new TidegateError('STORE_UNAVAILABLE', message, { cause: thrown });
  }
  const away = ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT'].includes(String(thrown.code));
  return away
    ? new TidegateError('STORE_UNAVAILABLE', `ClickHouse does not answer: ${thrown.message}`, { cause: thrown })
    : thrown;
}
