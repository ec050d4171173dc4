import { ERROR_KINDS, type ErrorCode } from '../contract/error.js';

/** Codes of the server, and what only a client can know. */
export type ClientErrorCode =
  | ErrorCode
  /** The server could not be reached. */
  | 'CONNECT_FAILED'
  /** The connection broke while the message was in flight: whether it ran is not known. */
  | 'CONNECTION_LOST'
  /** The state of a stateful stream is gone; open a new stream. */
  | 'STATE_LOST'
  /** Asked of a stream, a connection or a client that was closed. */
  | 'CLOSED'
  /** The call itself is wrong; nothing was sent. */
  | 'INVALID_ARGUMENT'
  /** The server answered something that is not of the protocol. */
  | 'BAD_ANSWER';

const RETRYABLE: ReadonlySet<string> = new Set(['CONNECT_FAILED', 'CONNECTION_LOST', 'STATE_LOST']);

export interface ClientErrorOptions {
  readonly cause?: unknown;
  readonly retryable?: boolean;
  readonly retry_after_ms?: number | undefined;
  /** HTTP status, where there was one. */
  readonly status?: number;
}

/** Every failure of this client. `retryable`: the same call may succeed a little later. */
export class TidegateClientError extends Error {
  override readonly name = 'TidegateClientError';
  readonly code: ClientErrorCode;
  readonly retryable: boolean;
  readonly retry_after_ms: number | undefined;
  readonly status: number | undefined;

  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? (RETRYABLE.has(code) || (isServerCode(code) && ERROR_KINDS[code].retryable));
    this.retry_after_ms = options.retry_after_ms;
    this.status = options.status;
  }
}

export function isServerCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_KINDS, code);
}

export function invalidArgument(message: string): TidegateClientError {
  return new TidegateClientError('INVALID_ARGUMENT', message);
}

export function badAnswer(message: string): TidegateClientError {
  return new TidegateClientError('BAD_ANSWER', message);
}

/** The failure for a call whose `AbortSignal` fired. */
export function cancelled(signal: AbortSignal): TidegateClientError {
  return new TidegateClientError('CANCELLED', 'cancelled by the caller', { cause: signal.reason });
}
