import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { asTidegateError, ERROR_KINDS, type ErrorCode } from '../contract/error.js';

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
  const { code, message } = asTidegateError(thrown);
  const title = code.toLowerCase().replaceAll('_', ' ');
  return { type: `urn:tidegate:error:${code}`, title, status: ERROR_KINDS[code].http, detail: message, code };
}

/** The whole answer: the problem, and the headers that belong to it. */
export function answerProblem(context: Context, thrown: unknown): Response {
  const error = asTidegateError(thrown);
  const problem = problemOf(error);
  if (error.code === 'UNAUTHENTICATED') context.header('www-authenticate', 'Bearer realm="tidegate"');
  if (error.retry_after_ms !== undefined) {
    context.header('retry-after', String(Math.max(1, Math.ceil(error.retry_after_ms / 1000))));
  }
  return context.body(JSON.stringify(problem), problem.status as ContentfulStatusCode, {
    'content-type': 'application/problem+json',
  });
}
