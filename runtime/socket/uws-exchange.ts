import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { TidegateError } from '../../contract/error.js';
import { BodyBuffer } from './body-buffer.js';
import type { BodyTaker, HttpExchange, ReplyHeaders } from './face.js';
import { DROPPED_BODIES, reasonPhrase } from './options.js';
import { tooLarge, tooSlow, unknownCoding } from './refusal.js';
import type { UwsServer } from './uws-server.js';

const NO_BYTES = new Uint8Array(0);
const statusLines: string[] = [];

/** One request and its answer. What the library gives is valid until the answer or `left`, and is not touched afterwards. */
export class UwsExchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly started_ms: number;
  gone = false;
  onGone: (() => void) | undefined;
  readonly #server: UwsServer;
  readonly #response: HttpResponse;
  #request: HttpRequest | undefined;
  #taker: BodyTaker | undefined;
  #body: BodyBuffer | undefined;
  #declared = 0;
  #dropped = 0;
  #answered = false;
  #taken = false;
  #closes = false;

  constructor(server: UwsServer, response: HttpResponse, request: HttpRequest) {
    this.#server = server;
    this.#response = response;
    this.#request = request;
    this.method = request.getCaseSensitiveMethod();
    this.path = request.getUrl();
    this.started_ms = server.clock_ms;
  }

  header(name: string): string {
    return this.#request === undefined ? '' : this.#request.getHeader(name);
  }

  /** The head is here. Everything of the request that is not read now is lost. */
  begin(): void {
    this.#response.onAborted(() => this.#left());
    const declared = this.header('content-length');
    if (declared !== '') this.#declared = Number(declared);
    const { max_body_bytes } = this.#server.limits;
    const coding = declared === '' ? this.header('transfer-encoding') : '';
    if (coding !== '' && coding.toLowerCase() !== 'chunked') {
      // The library takes any coding for chunks.
      this.#closes = true;
      this.#refuse(unknownCoding());
    } else if (this.#declared > max_body_bytes) {
      this.#closes = this.#declared > max_body_bytes * DROPPED_BODIES;
      this.#refuse(tooLarge(max_body_bytes));
    } else {
      this.#taker = this.#server.http.begin(this);
    }
    this.#request = undefined;
    // Once answered, the library reads the body and drops it.
    if (this.#answered) return;
    this.#server.unfinished.add(this);
    this.#response.onData((piece, last) => this.#data(piece, last));
  }

  /** The body did not come in time. */
  expire(): void {
    this.#closes = true;
    this.#refuse(tooSlow(this.#server.limits.request_timeout_ms));
  }

  reply(status: number, headers: ReplyHeaders, body: string | Uint8Array): void {
    if (this.gone || this.#answered) return;
    this.#answered = true;
    if (!this.#taken) this.#server.unfinished.delete(this);
    pendingStatus = status;
    pendingHeaders = headers;
    pendingBody = body;
    pendingClose = this.#closes || this.#server.stopping;
    pendingHead = this.method === 'HEAD';
    pendingResponse = this.#response;
    this.#response.cork(writePending);
    pendingBody = '';
    pendingResponse = undefined;
  }

  #data(piece: ArrayBuffer, last: boolean): void {
    if (this.#answered) return;
    if (last && this.#body === undefined && piece.byteLength <= this.#server.limits.max_body_bytes) {
      this.#take(piece.byteLength === 0 ? NO_BYTES : new Uint8Array(piece));
      return;
    }
    this.#body ??= new BodyBuffer(this.#declared);
    this.#collect(this.#body, piece, last);
  }

  #collect(body: BodyBuffer, piece: ArrayBuffer, last: boolean): void {
    const { max_body_bytes } = this.#server.limits;
    if (this.#dropped > 0 || body.length + piece.byteLength > max_body_bytes) {
      // A chunked body that turns out too large: dropped to its end, then refused, since the client may not read before.
      this.#dropped += body.length + piece.byteLength;
      this.#body = new BodyBuffer(1);
      this.#closes = this.#dropped > max_body_bytes * DROPPED_BODIES;
      if (last || this.#closes) this.#refuse(tooLarge(max_body_bytes));
      return;
    }
    body.append(new Uint8Array(piece));
    if (last) this.#take(body.bytes);
  }

  #take(body: Uint8Array): void {
    this.#taken = true;
    this.#server.unfinished.delete(this);
    this.#body = undefined;
    this.#taker?.take(body);
  }

  #refuse(error: TidegateError): void {
    this.#server.http.refuse(this, error);
  }

  #left(): void {
    this.gone = true;
    if (!this.#taken) this.#server.unfinished.delete(this);
    this.#body = undefined;
    if (this.#taken && !this.#answered) this.onGone?.();
  }
}

// The arguments of `writePending`, which runs within `cork`: so that an answer makes no closure.
let pendingStatus = 0;
let pendingHeaders: ReplyHeaders = [];
let pendingBody: string | Uint8Array = '';
let pendingClose = false;
let pendingHead = false;
let pendingResponse: HttpResponse | undefined;

function writePending(): void {
  const response = pendingResponse;
  if (response === undefined) return;
  statusLines[pendingStatus] ??= `${pendingStatus} ${reasonPhrase(pendingStatus)}`;
  response.writeStatus(statusLines[pendingStatus]);
  for (const [name, value] of pendingHeaders) response.writeHeader(name, value);
  if (!pendingHead) response.end(pendingBody, pendingClose);
  else if (pendingClose) response.endWithoutBody(Buffer.byteLength(pendingBody), true);
  else {
    // Told the length, the library would wait for that many bytes, and hang up at the next request.
    response.writeHeader('content-length', String(Buffer.byteLength(pendingBody)));
    response.endWithoutBody();
  }
}
