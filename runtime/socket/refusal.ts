import { TidegateError } from '../../contract/error.js';
import type { Limits } from '../../contract/limits.js';

export function tooLarge(max_body_bytes: number): TidegateError {
  return new TidegateError(
    'BODY_TOO_LARGE',
    `the request body is larger than ${max_body_bytes} bytes: send less, or raise the limit max_body_bytes`,
  );
}

export function tooSlow(request_timeout_ms: number): TidegateError {
  return new TidegateError(
    'REQUEST_TIMEOUT',
    `the request did not arrive within ${request_timeout_ms} ms: send faster, or raise the limit request_timeout_ms`,
  );
}

export function unknownCoding(): TidegateError {
  return new TidegateError(
    'UNSUPPORTED_ENCODING',
    'the only Transfer-Encoding that is known is chunked: send that, or a Content-Length',
  );
}

export function upgradeError(stopping: boolean): TidegateError {
  return stopping
    ? new TidegateError('SHUTTING_DOWN', 'the server is shutting down')
    : new TidegateError(
        'PROTOCOL_VIOLATION',
        "no such WebSocket: connect to /v2/ws with the subprotocol 'tidegate.v1'",
      );
}

/** What node:http found wrong with a request, by its error code. */
export function clientError(code: unknown, limits: Limits): TidegateError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new TidegateError(
      'HEADERS_TOO_LARGE',
      `request line and headers are larger than ${limits.max_header_bytes} bytes: send less, or raise the limit max_header_bytes`,
    );
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return tooSlow(limits.request_timeout_ms);
  }
  return new TidegateError('INVALID_REQUEST', 'this is not a well-formed HTTP request');
}
