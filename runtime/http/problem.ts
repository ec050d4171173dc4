import { asTidegateError, TidegateError } from '../../contract/error.js';
import type { HttpExchange, ReplyHeaders } from '../socket/face.js';
import type { HttpDependencies } from './dependencies.js';

type Replies = Pick<HttpExchange, 'reply'>;

const JSON_HEADERS: ReplyHeaders = [['content-type', 'application/json']];
const ENCODING_HEADERS: ReplyHeaders = [...JSON_HEADERS, ['accept-encoding', 'gzip, deflate']];

export function replyJson(exchange: Replies, value: unknown): void {
  exchange.reply(200, JSON_HEADERS, JSON.stringify(value));
}

/** `text` is JSON already. */
export function replyJsonText(exchange: Replies, text: string): void {
  exchange.reply(200, JSON_HEADERS, text);
}

/** A refusal or failure: `{"error": text, "code": CODE}` with the status of its code. */
export function replyError(exchange: Replies, deps: Pick<HttpDependencies, 'told'>, thrown: unknown): void {
  const error = asTidegateError(thrown);
  deps.told?.(error.code);
  exchange.reply(error.status, errorHeaders(error), JSON.stringify({ error: error.message, code: error.code }));
}

function errorHeaders(error: TidegateError): ReplyHeaders {
  if (error.code === 'UNSUPPORTED_ENCODING') return ENCODING_HEADERS;
  if (error.status !== 503) return JSON_HEADERS;
  const seconds = Math.max(1, Math.ceil((error.retry_after_ms ?? 0) / 1000));
  return [...JSON_HEADERS, ['retry-after', String(seconds)]];
}

export function replyNotFound(exchange: Replies, deps: Pick<HttpDependencies, 'told'>): void {
  replyError(exchange, deps, new TidegateError('NOT_FOUND', 'Not Found'));
}

export function replyMethodNotAllowed(exchange: Replies, deps: Pick<HttpDependencies, 'told'>, allowed: string): void {
  const error = new TidegateError('METHOD_NOT_ALLOWED', 'Method Not Allowed');
  deps.told?.(error.code);
  exchange.reply(
    error.status,
    [...JSON_HEADERS, ['allow', allowed]],
    JSON.stringify({ error: error.message, code: error.code }),
  );
}
