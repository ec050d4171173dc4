import type { Socket as NetSocket } from 'node:net';
import { TidegateError } from '../../contract/error.js';
import { BodyBuffer } from './body-buffer.js';
import { ChunkedBody } from './chunked-body.js';
import type { BodyTaker } from './face.js';
import { DROPPED_BODIES } from './options.js';
import { clientError, tooLarge, tooSlow, unknownCoding } from './refusal.js';
import { type HeadFault, parseHead, type RequestHead } from './request-head.js';
import { writeAnswer } from './tcp-answer.js';
import { TcpExchange } from './tcp-exchange.js';
import type { TcpServer } from './tcp-server.js';

const NO_BYTES = Buffer.alloc(0);
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
/** Requests of one connection that may wait for their answers, and unsent bytes, above which no more are read. */
const MOST_PIPELINED = 32;
const MOST_UNSENT_BYTES = 1024 * 1024;
/** How long a connection that said close waits for the client to close too. */
const LINGER_MS = 500;

/** One client: reads requests, cut anywhere, and writes their answers in order. */
export class TcpConnection {
  readonly #server: TcpServer;
  readonly #socket: NetSocket;
  /** Requests without an answer on the wire, oldest first. */
  readonly #queue: TcpExchange[] = [];
  #rest: Buffer = NO_BYTES;
  #searched = 0;
  #lastText = '';
  #lastHead: RequestHead | undefined;
  /** The request whose body is awaited. */
  #current: TcpExchange | undefined;
  #taker: BodyTaker | undefined;
  #body: BodyBuffer | undefined;
  #chunks: ChunkedBody | undefined;
  #awaited = 0;
  /** Bytes of a refused body that are still to be read and dropped. */
  #dropping = 0;
  #deaf = false;
  #closed = false;
  #upgraded = false;
  #reading = false;
  #since_ms: number;

  constructor(server: TcpServer, socket: NetSocket) {
    this.#server = server;
    this.#socket = socket;
    this.#since_ms = server.clock_ms;
  }

  get stopping(): boolean {
    return this.#server.stopping;
  }

  get date(): string {
    return this.#server.date;
  }

  get upgraded(): boolean {
    return this.#upgraded;
  }

  /**
   * Bytes came in, valid during this call. They are read until a whole request is missing, or too many wait for answers; what is
   * left then is copied.
   */
  received(piece: Buffer): void {
    if (this.#deaf) return;
    if (this.#rest.length === 0 && this.#current === undefined) this.#since_ms = this.#server.clock_ms;
    this.#rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    this.#read();
    if (this.#rest.length > 0) this.#rest = Buffer.from(this.#rest);
  }

  drained(): void {
    this.#resume();
  }

  /** Looks after the clock: an unfinished request that takes too long, a connection that idles. */
  sweep(now_ms: number): void {
    if (this.#upgraded) return;
    const { limits } = this.#server;
    const age_ms = now_ms - this.#since_ms;
    if (this.#closed) {
      if (age_ms > LINGER_MS && this.#socket.writableLength === 0) this.#socket.destroy();
      else if (age_ms > limits.request_timeout_ms) this.#socket.destroy();
    } else if (this.#deaf) {
      // Earlier requests still wait for their answers; the last one closes.
      return;
    } else if (this.#current !== undefined || this.#rest.length > 0 || this.#dropping > 0) {
      if (age_ms > limits.request_timeout_ms && !this.#socket.isPaused())
        this.#refuse(tooSlow(limits.request_timeout_ms));
    } else if (this.#queue.length > 0 || this.#socket.writableLength > 0) {
      // Not idle: something is owed, or on its way.
      return;
    } else if (this.stopping || age_ms > limits.keep_alive_ms) {
      this.#socket.destroy();
    }
  }

  /** The client is gone, or has closed its side, which is taken for the same. */
  left(): void {
    this.#deaf = true;
    for (const exchange of this.#queue.splice(0)) {
      if (exchange.answered || exchange.gone) continue;
      exchange.gone = true;
      if (exchange.taken) exchange.onGone?.();
    }
  }

  /** An exchange has its answer: it is written if it is its turn, with those that waited for it. */
  answered(exchange: TcpExchange): void {
    if (this.#queue[0] !== exchange) return;
    let first: TcpExchange | undefined = exchange;
    while (first?.answered) {
      this.#queue.shift();
      writeAnswer(this.#socket, first);
      if (first.closes) {
        this.#close();
        return;
      }
      first = this.#queue[0];
    }
    this.#since_ms = this.#server.clock_ms;
    this.#resume();
  }

  /** Sends what was written and hangs up. What comes is dropped, so that the client finds the answer and not a reset. */
  #close(): void {
    this.#deaf = true;
    this.#closed = true;
    this.#since_ms = this.#server.clock_ms;
    this.#rest = NO_BYTES;
    this.#socket.end();
    this.#socket.resume();
  }

  #resume(): void {
    if (!this.#socket.isPaused() || this.#full()) return;
    this.#socket.resume();
    this.#read();
  }

  #full(): boolean {
    return this.#queue.length >= MOST_PIPELINED || this.#socket.writableLength > MOST_UNSENT_BYTES;
  }

  #read(): void {
    // An answer that is given at once comes back here through `answered`.
    if (this.#reading) return;
    this.#reading = true;
    while (!this.#deaf && this.#rest.length > 0) {
      if (this.#full()) {
        this.#socket.pause();
        break;
      }
      if (!(this.#current === undefined && this.#dropping === 0 ? this.#readHead() : this.#readBody())) break;
    }
    this.#reading = false;
  }

  /** Answers whether there may be more to read. */
  #readHead(): boolean {
    const rest = this.#rest;
    const { max_header_bytes } = this.#server.limits;
    // Empty lines before a request are allowed.
    if (rest[0] === 0x0d && rest[1] === 0x0a) return this.#consume(2);
    const end = rest.indexOf('\r\n\r\n', Math.max(0, this.#searched - 3), 'latin1');
    if (end === -1 || end > max_header_bytes) {
      this.#searched = rest.length;
      if (rest.length > max_header_bytes) this.#refuse(clientError('HPE_HEADER_OVERFLOW', this.#server.limits));
      else if (!this.#looksLikeHttp(rest)) this.#fault('malformed');
      return false;
    }
    this.#searched = 0;
    const text = rest.toString('latin1', 0, end);
    // Clients repeat themselves: of the same bytes the same head.
    const head = text === this.#lastText && this.#lastHead !== undefined ? this.#lastHead : parseHead(text);
    if (typeof head === 'string') {
      this.#fault(head);
      return false;
    }
    this.#lastText = text;
    this.#lastHead = head;
    this.#consume(end + 4);
    return this.#begin(head);
  }

  /** Whether this may become a request, however much of it is still to come. */
  #looksLikeHttp(rest: Buffer): boolean {
    const first = rest[0];
    const lineEnd = rest.indexOf(0x0a);
    // A line that ends without CR never becomes a head; whoever sent it waits for an answer.
    const bareLineEnd = lineEnd === 0 || (lineEnd > 0 && rest[lineEnd - 1] !== 0x0d);
    return first >= 0x21 && first < 0x7f && !bareLineEnd;
  }

  #consume(bytes: number): true {
    this.#rest = bytes >= this.#rest.length ? NO_BYTES : this.#rest.subarray(bytes);
    return true;
  }

  #begin(head: RequestHead): boolean {
    const { limits, http } = this.#server;
    if (head.upgrade && this.#queue.length === 0 && this.#server.upgrade !== undefined) {
      this.#deaf = true;
      this.#upgraded = true;
      this.#server.upgrade(head, this.#socket, Buffer.from(this.#rest));
      this.#rest = NO_BYTES;
      return false;
    }
    if (head.expects === 'unknown') {
      this.#refuse(new TidegateError('INVALID_REQUEST', "the only expectation that is known is '100-continue'"));
      return false;
    }
    const exchange = new TcpExchange(this, head);
    this.#queue.push(exchange);
    if (head.body_bytes > limits.max_body_bytes) {
      exchange.closes ||= head.expects === 'continue' || head.body_bytes > limits.max_body_bytes * DROPPED_BODIES;
      this.#dropping = head.body_bytes;
      http.refuse(exchange, tooLarge(limits.max_body_bytes));
      return !this.#deaf;
    }
    const taker = http.begin(exchange);
    if (head.body_bytes === 0) {
      this.#take(exchange, taker, NO_BYTES);
      return true;
    }
    if (exchange.answered && head.body_bytes > 0) {
      this.#dropping = head.body_bytes;
      return !this.#deaf;
    }
    this.#taker = taker;
    this.#current = exchange;
    this.#awaited = head.body_bytes;
    if (head.body_bytes === -1) this.#chunks = new ChunkedBody(limits.max_body_bytes);
    if (head.expects === 'continue' && !exchange.answered && this.#rest.length === 0) this.#socket.write(CONTINUE);
    return true;
  }

  #readBody(): boolean {
    const rest = this.#rest;
    if (this.#dropping > 0) {
      const dropped = Math.min(this.#dropping, rest.length);
      this.#dropping -= dropped;
      return this.#consume(dropped);
    }
    if (this.#chunks !== undefined) return this.#readChunks(this.#chunks);
    const missing = this.#awaited - (this.#body?.length ?? 0);
    const piece = rest.length > missing ? rest.subarray(0, missing) : rest;
    this.#consume(piece.length);
    if (this.#body === undefined && piece.length === missing) return this.#whole(piece);
    this.#body ??= new BodyBuffer(this.#awaited);
    this.#body.append(piece);
    return piece.length === missing ? this.#whole(this.#body.bytes) : true;
  }

  #readChunks(chunks: ChunkedBody): boolean {
    const place = chunks.read(this.#rest, 0);
    if (typeof place === 'string') {
      const { limits } = this.#server;
      this.#refuse(place === 'malformed' ? clientError('', limits) : tooLarge(limits.max_body_bytes));
      return false;
    }
    this.#consume(place);
    if (!chunks.done) return true;
    if (chunks.overflowed && this.#current !== undefined) {
      this.#server.http.refuse(this.#current, tooLarge(this.#server.limits.max_body_bytes));
    }
    return this.#whole(chunks.bytes);
  }

  #whole(body: Uint8Array): true {
    const exchange = this.#current;
    const taker = this.#taker;
    this.#current = undefined;
    this.#taker = undefined;
    this.#body = undefined;
    this.#chunks = undefined;
    if (exchange !== undefined) this.#take(exchange, taker, body);
    return true;
  }

  #take(exchange: TcpExchange, taker: BodyTaker | undefined, body: Uint8Array): void {
    exchange.taken = true;
    if (!exchange.answered) taker?.take(body);
  }

  #fault(fault: HeadFault): void {
    if (fault === 'coding') this.#refuse(unknownCoding());
    else this.#refuse(clientError('', this.#server.limits));
  }

  /** Answers what is wrong, after what is still owed, and hangs up. */
  #refuse(error: TidegateError): void {
    this.#deaf = true;
    this.#rest = NO_BYTES;
    const current = this.#current;
    this.#current = undefined;
    this.#since_ms = this.#server.clock_ms;
    if (current !== undefined && !current.answered) {
      current.closes = true;
      this.#server.http.refuse(current, error);
      return;
    }
    const exchange = new TcpExchange(this, undefined);
    this.#queue.push(exchange);
    this.#server.http.refuse(exchange, error);
  }
}
