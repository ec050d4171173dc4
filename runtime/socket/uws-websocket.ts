import type { HttpRequest, HttpResponse, TemplatedApp, us_socket_context_t, WebSocket } from 'uWebSockets.js';
import type { WebSocketConnection, WebSocketFace } from './face.js';
import { BUFFER_CEILING, offeredProtocols, reasonPhrase, SLOW_READER_CODE, SLOW_READER_REASON } from './options.js';
import { upgradeError } from './refusal.js';
import type { UwsServer } from './uws-server.js';

interface UserData {
  connection: UwsConnection;
}

/** The library takes 8 to 960 seconds. */
const LEAST_IDLE_S = 8;
const MOST_IDLE_S = 960;

let nextId = 1;

export class UwsConnection implements WebSocketConnection {
  readonly id = nextId++;
  readonly traceparent: string;
  readonly #face: WebSocketFace;
  readonly #mark_bytes: number;
  #socket: WebSocket<UserData> | undefined;
  #above = false;
  #closing = false;

  constructor(face: WebSocketFace, mark_bytes: number, traceparent: string) {
    this.#face = face;
    this.#mark_bytes = mark_bytes;
    this.traceparent = traceparent;
  }

  get buffered_bytes(): number {
    return this.#socket === undefined ? 0 : this.#socket.getBufferedAmount();
  }

  send(frame: string | Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === undefined) return false;
    if (socket.getBufferedAmount() > this.#mark_bytes * BUFFER_CEILING) {
      this.close(SLOW_READER_CODE, SLOW_READER_REASON);
      return false;
    }
    socket.send(frame, typeof frame !== 'string', false);
    if (socket.getBufferedAmount() <= this.#mark_bytes) return true;
    this.#above = true;
    return false;
  }

  close(code: number, reason: string): void {
    this.#closing = true;
    this.#socket?.end(code, reason);
  }

  terminate(): void {
    this.#closing = true;
    this.#socket?.close();
  }

  opened(socket: WebSocket<UserData>): void {
    this.#socket = socket;
    this.#face.opened(this, { traceparent: this.traceparent });
  }

  drained(): void {
    if (!this.#above || this.buffered_bytes > this.#mark_bytes) return;
    this.#above = false;
    this.#face.drained(this);
  }

  /** The library calls this from within `end` and `close`; the face hears of it later, as it does with other sockets. */
  ended(code: number): void {
    this.#socket = undefined;
    if (this.#closing) queueMicrotask(() => this.#face.closed(this, code));
    else this.#face.closed(this, code);
  }
}

export function serveUwsWebSockets(app: TemplatedApp, server: UwsServer, face: WebSocketFace): void {
  const { limits } = server;
  app.ws<UserData>('/*', {
    maxPayloadLength: limits.ws_max_message_bytes,
    idleTimeout: Math.min(MOST_IDLE_S, Math.max(LEAST_IDLE_S, Math.ceil(limits.ws_idle_timeout_ms / 1000))),
    sendPingsAutomatically: true,
    // No bound of the library's own: it would drop frames silently. `UwsConnection.send` keeps the bound.
    maxBackpressure: 0,
    compression: 0,
    upgrade: (response, request, context) => upgrade(server, face, response, request, context),
    open: (socket) => {
      const { connection } = socket.getUserData();
      connection.opened(socket);
    },
    message: (socket, message, isBinary) => {
      face.received(socket.getUserData().connection, new Uint8Array(message), isBinary);
    },
    drain: (socket) => socket.getUserData().connection.drained(),
    close: (socket, code) => {
      const { connection } = socket.getUserData();
      connection.ended(code);
    },
  });
}

function upgrade(
  server: UwsServer,
  face: WebSocketFace,
  response: HttpResponse,
  request: HttpRequest,
  context: us_socket_context_t,
): void {
  const protocol = face.choose(request.getUrl(), offeredProtocols(request.getHeader('sec-websocket-protocol')));
  if (protocol === undefined || server.stopping) {
    refuseUpgrade(server, response);
    return;
  }
  const connection = new UwsConnection(face, server.limits.ws_buffered_bytes, request.getHeader('traceparent'));
  response.upgrade<UserData>(
    { connection },
    request.getHeader('sec-websocket-key'),
    protocol,
    request.getHeader('sec-websocket-extensions'),
    context,
  );
}

function refuseUpgrade(server: UwsServer, response: HttpResponse): void {
  const reply = (status: number, headers: readonly (readonly [string, string])[], body: string | Uint8Array): void => {
    response.cork(() => {
      response.writeStatus(`${status} ${reasonPhrase(status)}`);
      for (const [name, value] of headers) response.writeHeader(name, value);
      response.end(body, true);
    });
  };
  server.http.refuse({ reply }, upgradeError(server.stopping));
}
