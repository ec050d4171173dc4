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
