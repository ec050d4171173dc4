/**
 * What a socket offers to the faces above it: HTTP exchanges and WebSocket connections. uWebSockets.js and node:http + ws
 * implement it, and the same suite runs against both. Nothing above this folder knows which one serves.
 */

export interface HttpExchange {
  /** Upper case. */
  readonly method: string;
  /** As it stands in the request line, still percent-encoded, without the query. */
  readonly path: string;
  /** The value of a header by lower-case name; '' when absent. Valid only during the handler's synchronous part. */
  header(name: string): string;
  /** Whether the caller left before an answer was given. */
  readonly gone: boolean;
  /** Called at most once, when the caller leaves before the answer. Set it before returning from the handler. */
  onGone: (() => void) | undefined;
  /**
   * Answers, once. Text is sent as UTF-8. `content-length` is set by the socket. For HEAD the body is dropped and its length kept.
   * Bytes are consumed before the call returns, so views into shared memory may be passed.
   */
  reply(status: number, headers: readonly (readonly [string, string])[], body: string | Uint8Array): void;
}

export interface HttpFace {
  /** Decides whether a body is wanted at all, before any of it is read. A refusal answers the exchange itself and returns false. */
  admitHeaders(exchange: HttpExchange): boolean;
  /**
   * A whole request. `body` is what was sent on the wire, de-chunked but not decompressed; it is valid only during this call,
   * unless the socket says so: copy what must stay.
   */
  handle(exchange: HttpExchange, body: Uint8Array): void;
}

export interface WebSocketConnection {
  readonly id: number;
  /** Queues a frame. Returns false when the connection's buffer stands above the pause mark (the frame is sent all the same). */
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
  readonly kind: 'uWebSockets.js' | 'node:http';
  /** The port that it listens on (given by the system when 0 was asked for). */
  readonly port: number;
  readonly open_connections: number;
  /** Stops accepting; open exchanges go on. Answers carry `connection: close` from here on. */
  stopAccepting(): void;
  /** Ends everything at once. */
  destroy(): void;
}
