/**
 * The closed list of error codes. Every refusal and failure that leaves the program carries one of them: as `code` beside
 * `error` in HTTP bodies, in WebSocket error messages, in logs and as a metric label. A status is decided here, nowhere else.
 */
interface ErrorKind {
  /** HTTP status. Triton's clients expect 400, 404, 405, 500, 501 and 503 for these meanings. */
  readonly http: number;
  /** Whether the same request may succeed a little later without being changed. */
  readonly retryable: boolean;
  /** The `reason` label of Triton's `nv_inference_request_failure`; undefined: never became a request of a model. */
  readonly reason?: 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER';
}

export const ERROR_KINDS = {
  /** The body is not JSON, or nested deeper than the limit. */
  INVALID_JSON: { http: 400, retryable: false },
  /** JSON, but not a message of the protocol: a member is missing, has the wrong type, or contradicts another. */
  INVALID_REQUEST: { http: 400, retryable: false },
  /** `Inference-Header-Content-Length`, `binary_data_size` or the bytes themselves do not add up. */
  INVALID_BINARY: { http: 400, retryable: false },
  INVALID_SHAPE: { http: 400, retryable: false },
  INVALID_DATATYPE: { http: 400, retryable: false },
  /** A value does not fit its datatype: 300 as INT8, text as a number, bytes that are not UTF-8. */
  INVALID_VALUE: { http: 400, retryable: false },
  /** Inputs missing, unknown or given twice; outputs unknown or asked for twice. */
  INVALID_TENSOR_NAME: { http: 400, retryable: false },
  INVALID_PARAMETER: { http: 400, retryable: false },
  /** A manifest or a configuration value is wrong. */
  INVALID_CONFIG: { http: 400, retryable: false },
  /** A request of a sequence or stream that was never started, has ended, or whose state was dropped. */
  SEQUENCE_NOT_FOUND: { http: 400, retryable: false },
  BODY_TOO_LARGE: { http: 413, retryable: false },
  HEADERS_TOO_LARGE: { http: 431, retryable: false },
  REQUEST_TIMEOUT: { http: 408, retryable: true },
  NOT_FOUND: { http: 404, retryable: false },
  METHOD_NOT_ALLOWED: { http: 405, retryable: false },
  MODEL_NOT_FOUND: { http: 404, retryable: false },
  /** Known, but not able to answer: failed to load, or unloading. */
  MODEL_NOT_READY: { http: 503, retryable: true, reason: 'REJECTED' },
  MODEL_LOAD_FAILED: { http: 400, retryable: false },
  QUEUE_FULL: { http: 503, retryable: true, reason: 'REJECTED' },
  /** Memory that a model needs cannot be had within the budget. */
  MEMORY_EXHAUSTED: { http: 503, retryable: true, reason: 'REJECTED' },
  /** The prediction log has no room left, and its policy is to refuse what it cannot log. */
  LOG_FULL: { http: 503, retryable: true, reason: 'REJECTED' },
  DEADLINE_EXPIRED: { http: 503, retryable: true, reason: 'REJECTED' },
  CANCELLED: { http: 499, retryable: false, reason: 'CANCELED' },
  SHUTTING_DOWN: { http: 503, retryable: true, reason: 'REJECTED' },
  /** The worker thread that held the batch died; the request was not answered and may be sent again. */
  WORKER_LOST: { http: 503, retryable: true, reason: 'BACKEND' },
  /** The backend refused or failed the run. */
  BACKEND_FAILED: { http: 500, retryable: false, reason: 'BACKEND' },
  /** ClickHouse cannot be reached, or cannot do its work at the moment. */
  STORE_UNAVAILABLE: { http: 503, retryable: true },
  /** NATS cannot be reached, or refuses what was asked of it. */
  BUS_UNAVAILABLE: { http: 503, retryable: true },
  /** Somebody else changed the same thing meanwhile: look at it again, and say what is wanted of it now. */
  CONFLICT: { http: 409, retryable: false },
  /** Nobody is named, or the token is unknown, expired or revoked. */
  UNAUTHENTICATED: { http: 401, retryable: false },
  /** Known, but what is asked takes another role, environment or origin. */
  FORBIDDEN: { http: 403, retryable: false },
  /** Too many refused attempts from one address. */
  TOO_MANY_FAILURES: { http: 429, retryable: true },
  /** `If-Match` names a state that is no longer the current one. */
  PRECONDITION_FAILED: { http: 412, retryable: false },
  /** A change that must say, by `If-Match`, which state it was made from. */
  PRECONDITION_REQUIRED: { http: 428, retryable: false },
  /** The `Idempotency-Key` came before, with another request. */
  IDEMPOTENCY_MISMATCH: { http: 422, retryable: false },
  /** A version has not what an environment asks for. */
  GATE_REFUSED: { http: 409, retryable: false },
  /** The tables belong to a newer program. */
  SCHEMA_NEWER: { http: 500, retryable: false },
  UNSUPPORTED: { http: 501, retryable: false },
  UNSUPPORTED_ENCODING: { http: 501, retryable: false },
  INTERNAL: { http: 500, retryable: false, reason: 'OTHER' },
  /** WebSocket: a message that breaks the rules of `tidegate.v1`. */
  PROTOCOL_VIOLATION: { http: 400, retryable: false },
  /** WebSocket: more messages sent than the server gave credits for. */
  CREDIT_EXCEEDED: { http: 429, retryable: true, reason: 'REJECTED' },
  TOO_MANY_STREAMS: { http: 429, retryable: true, reason: 'REJECTED' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

export interface TidegateErrorOptions {
  readonly cause?: unknown;
  /** How long a client should wait before it tries again, in milliseconds. */
  readonly retry_after_ms?: number;
}

/** An error that may be shown to the caller: its message says what was wrong, with what value, and what to do. */
export class TidegateError extends Error {
  override readonly name = 'TidegateError';
  readonly code: ErrorCode;
  readonly retry_after_ms: number | undefined;

  constructor(code: ErrorCode, message: string, options: TidegateErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry_after_ms = options.retry_after_ms;
  }

  get status(): number {
    return ERROR_KINDS[this.code].http;
  }

  get retryable(): boolean {
    return ERROR_KINDS[this.code].retryable;
  }

  get reason(): ErrorKind['reason'] {
    const kind: ErrorKind = ERROR_KINDS[this.code];
    return kind.reason;
  }
}

/** What was thrown, as something that may be shown. A stranger becomes INTERNAL: its text stays in the log, not in the answer. */
export function asTidegateError(thrown: unknown): TidegateError {
  if (thrown instanceof TidegateError) return thrown;
  return new TidegateError('INTERNAL', 'internal error: see the log of the node for the cause', { cause: thrown });
}
