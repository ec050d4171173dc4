import type { TidegateError } from '../../contract/error.js';

/**
 * What a socket offers to the faces above it: HTTP exchanges and WebSocket connections. uWebSockets.js and node:http + ws
 * implement it, and the same suite runs against both. Nothing above this folder knows which one serves.
 */

export interface HttpExchange {
  /** Upper case. */
  readonly method: string;
  /** As it stands in the request line, still percent-encoded, without the query. */
  readonly path: string;
  /** The value of a header by lower-case name; '' when absent. Valid only while `HttpFace.begin` runs. */
  header(name: string): string;
  /** Whether the caller left before an answer was given. Answers after that go nowhere, harmlessly. */
  readonly gone: boolean;
  /** Called at most once, when the caller leaves after the request was taken and before the answer. */
  onGone: (() => void) | undefined;
  /**
   * Answers, once; what follows the first answer is ignored. Text is sent as UTF-8. `content-length` is set by the socket. For HEAD
   * the body is dropped and its length kept. Bytes are consumed before the call returns, so views into shared memory may be passed.
   */
  reply(status: number, headers: ReplyHeaders, body: string | Uint8Array): void;
}

export type ReplyHeaders = readonly (readonly [name: string, value: string])[];

/** Who waits for the body of one request. */
export interface BodyTaker {
  /**
   * The whole body as it was sent, de-chunked but not decompressed, and never larger than `max_body_bytes`. It is valid only
   * during this call: copy what must stay.
   */
  take(body: Uint8Array): void;
}

export interface HttpFace {
  /**
   * The headers of a request have arrived. Answers with who takes the body, or with undefined when the exchange was answered at
   * once: then the body is read and dropped. Never throws.
   */
  begin(exchange: HttpExchange): BodyTaker | undefined;
  /** The answer to what the socket itself refuses: too large, too slow, malformed. */
  refuse(exchange: Pick<HttpExchange, 'reply'>, error: TidegateError): void;
}

export interface WebSocketConnection {
  readonly id: number;
  /**
   * Queues a frame, text or binary. Returns false when the connection's buffer stands above the pause mark (the frame is sent all
   * the same). A frame that finds more than four times the mark waiting is dropped, and the connection is closed with 1013: so no
   * connection holds more than that and one frame. Nothing is sent on a closed connection.
   */
  send(frame: string | Uint8Array): boolean;
  /** Bytes accepted by `send` and not yet handed to the operating system. */
  readonly buffered_bytes: number;
  close(code: number, reason: string): void;
  /** Drops the connection without a closing handshake. */
  terminate(): void;
}

export interface WebSocketFace {
  /** The subprotocols offered by the client; answers the one chosen, or undefined to refuse the upgrade with 400. */
  choose(path: string, offered: readonly string[]): string | undefined;
  opened(connection: WebSocketConnection, headers: { readonly traceparent: string }): void;
  /** `frame` is valid only during the call. */
  received(connection: WebSocketConnection, frame: Uint8Array, binary: boolean): void;
  /** The buffer fell below the pause mark again. */
  drained(connection: WebSocketConnection): void;
  closed(connection: WebSocketConnection, code: number): void;
}

export interface Socket {
  readonly kind: 'uWebSockets.js' | 'node:net' | 'node:http';
  /** The port that it listens on (given by the system when 0 was asked for). */
  readonly port: number;
  readonly open_connections: number;
  /** Stops accepting; open exchanges go on. Answers carry `connection: close` from here on. */
  stopAccepting(): void;
  /** Ends everything at once. */
  destroy(): void;
}
