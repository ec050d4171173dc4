import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ReplyHeaders, WebSocketConnection, WebSocketFace } from './face.js';
import type { NodeServer } from './node-server.js';
import { BUFFER_CEILING, offeredProtocols, reasonPhrase, SLOW_READER_CODE, SLOW_READER_REASON } from './options.js';
import { upgradeError } from './refusal.js';

let nextId = 1;

class NodeConnection implements WebSocketConnection {
  readonly id = nextId++;
  heard_ms = performance.now();
  readonly #socket: WebSocket;
  readonly #mark_bytes: number;
  #above = false;

  constructor(socket: WebSocket, mark_bytes: number) {
    this.#socket = socket;
    this.#mark_bytes = mark_bytes;
  }

  get buffered_bytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(frame: string | Uint8Array): boolean {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return false;
    if (socket.bufferedAmount > this.#mark_bytes * BUFFER_CEILING) {
      this.close(SLOW_READER_CODE, SLOW_READER_REASON);
      return false;
    }
    // Node keeps what the kernel does not take at once, and shared memory changes when this call is over.
    const kept = typeof frame !== 'string' && frame.buffer instanceof SharedArrayBuffer ? Buffer.from(frame) : frame;
    socket.send(kept, { binary: typeof frame !== 'string' });
    if (socket.bufferedAmount <= this.#mark_bytes) return true;
    this.#above = true;
    return false;
  }

  /** Whether the buffer was above the mark and is not any more: true once. */
  fellBelow(): boolean {
    if (!this.#above || this.#socket.bufferedAmount > this.#mark_bytes) return false;
    this.#above = false;
    return true;
  }

  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }
}

/** The WebSockets of one listening socket on node:http. */
export class NodeWebSockets {
  readonly #server: NodeServer;
  readonly #face: WebSocketFace;
  readonly #upgrader: WebSocketServer;
  readonly #connections = new Set<NodeConnection>();
  readonly #sweep: NodeJS.Timeout;

  constructor(server: NodeServer, face: WebSocketFace) {
    this.#server = server;
    this.#face = face;
    this.#upgrader = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: server.limits.ws_max_message_bytes,
      // Chosen before the upgrade, and the only one left then.
      handleProtocols: (offered) => offered.values().next().value ?? false,
    });
    this.#sweep = setInterval(() => this.#checkIdle(), Math.max(50, server.limits.ws_idle_timeout_ms / 4)).unref();
  }

  upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void {
    connection.on('error', () => connection.destroy());
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const protocol = this.#face.choose(path, offeredProtocols(request.headers['sec-websocket-protocol'] ?? ''));
    if (protocol === undefined || this.#server.stopping) {
      this.#refuse(connection);
      return;
    }
    request.headers['sec-websocket-protocol'] = protocol;
    this.#upgrader.handleUpgrade(request, connection, head, (socket) => this.#opened(socket, request, connection));
  }

  destroy(): void {
    clearInterval(this.#sweep);
    for (const connection of this.#connections) connection.terminate();
  }

  #opened(socket: WebSocket, request: IncomingMessage, duplex: Duplex): void {
    const connection = new NodeConnection(socket, this.#server.limits.ws_buffered_bytes);
    this.#connections.add(connection);
    const heard = () => {
      connection.heard_ms = performance.now();
    };
    socket.on('ping', heard);
    socket.on('pong', heard);
    socket.on('message', (data, isBinary) => {
      heard();
      this.#face.received(connection, bytesOf(data), isBinary);
    });
    duplex.on('drain', () => {
      if (connection.fellBelow()) this.#face.drained(connection);
    });
    // What is wrong with a frame is told to the client by ws, and ends in `close`.
    socket.on('error', heard);
    socket.once('close', (code) => {
      this.#connections.delete(connection);
      this.#face.closed(connection, code);
    });
    const { traceparent } = request.headers;
    this.#face.opened(connection, { traceparent: typeof traceparent === 'string' ? traceparent : '' });
  }

  /** Whoever was silent for half the time is pinged; who does not answer that either is dropped. */
  #checkIdle(): void {
    const { ws_idle_timeout_ms } = this.#server.limits;
    const now_ms = performance.now();
    for (const connection of this.#connections) {
      const silent_ms = now_ms - connection.heard_ms;
      if (silent_ms > ws_idle_timeout_ms) connection.terminate();
      else if (silent_ms > ws_idle_timeout_ms / 2) connection.ping();
    }
  }

  #refuse(connection: Duplex): void {
    const reply = (status: number, headers: ReplyHeaders, body: string | Uint8Array): void => {
      const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      connection.end(
        `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${lines}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    };
    this.#server.http.refuse({ reply }, upgradeError(this.#server.stopping));
  }
}

function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
