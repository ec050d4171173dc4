import { asTidegateError, type TidegateError } from '../../contract/error.js';
import type { InferReply, InferRequest, LoggedAs } from '../../contract/inference.js';
import { now_us } from '../../std/clock.js';
import type { Ticket, Waiter } from '../admission/inference.js';
import {
  chooseEncoding,
  compress,
  compressLater,
  contentEncoding,
  decompressLater,
  decompressNow,
  type Encoding,
  SYNC_BYTES,
} from '../codec/compression.js';
import { parseInferRequest } from '../codec/infer-request.js';
import { parseJsonLength } from '../codec/json-length.js';
import { parseRawRequest } from '../codec/raw-request.js';
import { encodeReply, joinedBody, type ReplyShape, replyShape } from '../respond/infer-response.js';
import type { BodyTaker, HttpExchange, ReplyHeaders } from '../socket/face.js';
import type { HttpDependencies } from './dependencies.js';
import { replyError } from './problem.js';

const JSON_HEADERS: ReplyHeaders = [['content-type', 'application/json']];

/** Tells the caller where its request lies in the prediction log. */
function withRecord(headers: ReplyHeaders, logged: LoggedAs | undefined): ReplyHeaders {
  if (logged === undefined) return headers;
  const token = ['tidegate-log', logged.token] as const;
  if (logged.request_id === '') return [...headers, token];
  return [...headers, token, ['tidegate-request-id', logged.request_id]];
}

/** A version is more than a route; the path, which is more than both, has neither. */
function wishedVersion(exchange: HttpExchange): string {
  return exchange.header('tidegate-version') || exchange.header('tidegate-route');
}

/** One inference over HTTP, from its headers to its answer. */
export class InferCall implements BodyTaker, Waiter {
  readonly model: string;
  readonly version: string;
  readonly traceparent: string;
  readonly key: string;
  readonly #exchange: HttpExchange;
  readonly #deps: HttpDependencies;
  readonly #arrived_us = now_us();
  readonly #jsonLength: string;
  readonly #contentEncoding: string;
  readonly #acceptEncoding: string;
  #shape: ReplyShape | undefined;
  #requestId = '';

  constructor(exchange: HttpExchange, deps: HttpDependencies, model: string, version: string) {
    this.model = model;
    // Only a fleet's node has versions to choose among by these.
    const isRouted = deps.catalog.roleOf !== undefined;
    this.version = isRouted && version === '' ? wishedVersion(exchange) : version;
    this.key = isRouted ? exchange.header('tidegate-key') : '';
    this.#exchange = exchange;
    this.#deps = deps;
    this.#jsonLength = exchange.header('inference-header-content-length');
    this.#contentEncoding = exchange.header('content-encoding');
    this.#acceptEncoding = exchange.header('accept-encoding');
    const logs = deps.log.request !== undefined;
    this.traceparent = logs || deps.traced === true ? exchange.header('traceparent') : '';
    if (logs) {
      this.#requestId = exchange.header('x-request-id');
    }
  }

  take(body: Uint8Array): void {
    try {
      if (this.#contentEncoding === '') this.#infer(body);
      else this.#inflate(body, contentEncoding(this.#contentEncoding));
    } catch (error) {
      this.#fail(error);
    }
  }

  answered(reply: InferReply): void {
    const shape = this.#shape;
    if (shape === undefined) return;
    try {
      const encoded = encodeReply(shape, reply);
      if (encoded.binary_bytes === 0) {
        this.#send(encoded.json, this.#told(JSON_HEADERS, reply));
      } else {
        const { body, json_bytes } = joinedBody(encoded);
        const headers: ReplyHeaders = [
          ['content-type', 'application/octet-stream'],
          ['inference-header-content-length', String(json_bytes)],
        ];
        this.#send(body, this.#told(headers, reply));
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Which part the version that answered plays, where there is more than one. */
  #told(headers: ReplyHeaders, reply: InferReply): ReplyHeaders {
    const role = this.#deps.catalog.roleOf?.(reply.model, reply.version) ?? '';
    return withRecord(role === '' ? headers : [...headers, ['tidegate-route', role]], reply.logged);
  }

  failed(error: TidegateError): void {
    this.#fail(error);
  }

  #inflate(body: Uint8Array, encoding: Encoding): void {
    const { max_body_bytes } = this.#deps.limits;
    const plain = decompressNow(body, encoding, max_body_bytes);
    if (plain !== undefined) {
      this.#infer(plain);
      return;
    }
    decompressLater(Buffer.from(body), encoding, max_body_bytes)
      .then((inflated) => {
        if (!this.#exchange.gone) this.#infer(inflated);
      })
      .catch((error: unknown) => this.#fail(error));
  }

  #infer(body: Uint8Array): void {
    const request = this.#parse(body);
    this.#shape = replyShape(request);
    if (request.id !== '') this.#requestId = request.id;
    const ticket: Ticket = this.#deps.inference.infer(request, this, 'http', this.#arrived_us);
    this.#exchange.onGone = () => ticket.cancel();
  }

  #parse(body: Uint8Array): InferRequest {
    const jsonLength = parseJsonLength(this.#jsonLength, body.length);
    if (jsonLength !== 'raw') return parseInferRequest(body, jsonLength, this, this.#deps.limits);
    const { signature, batching } = this.#deps.catalog.describe(this.model, this.version);
    return parseRawRequest(body, this, signature, batching);
  }

  #send(body: string | Uint8Array, headers: ReplyHeaders): void {
    const encoding = chooseEncoding(this.#acceptEncoding);
    if (encoding === 'identity') {
      this.#exchange.reply(200, headers, body);
      this.#log(200, '');
      return;
    }
    const encodedHeaders: ReplyHeaders = [...headers, ['content-encoding', encoding]];
    if (body.length <= SYNC_BYTES) {
      this.#exchange.reply(200, encodedHeaders, compress(body, encoding));
      this.#log(200, '');
      return;
    }
    compressLater(body, encoding)
      .then((compressed) => {
        this.#exchange.reply(200, encodedHeaders, compressed);
        this.#log(200, '');
      })
      .catch((error: unknown) => this.#fail(error));
  }

  #fail(thrown: unknown): void {
    const error = asTidegateError(thrown);
    if (error.code === 'INTERNAL') {
      this.#deps.log.error({ error: error.cause ?? error, path: this.#exchange.path }, 'a request failed');
    }
    replyError(this.#exchange, this.#deps, error);
    this.#log(error.status, error.code);
  }

  #log(status: number, code: string): void {
    this.#deps.log.request?.({
      model: this.model,
      version: this.version,
      request_id: this.#requestId,
      traceparent: this.traceparent,
      status,
      code,
      total_us: Math.round(now_us() - this.#arrived_us),
    });
  }
}
