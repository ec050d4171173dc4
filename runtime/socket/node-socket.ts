import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { listenError } from '../../std/port-holder.js';
import type { ReplyHeaders, Socket } from './face.js';
import { NodeExchange } from './node-exchange.js';
import type { NodeServer } from './node-server.js';
import { NodeWebSockets } from './node-websocket.js';
import { PORT_SETTING, reasonPhrase, type SocketOptions } from './options.js';
import { clientError } from './refusal.js';

/** Listens with node:http and ws. Rejects with INVALID_CONFIG when it cannot listen there. */
export async function openNodeSocket(options: SocketOptions): Promise<Socket> {
  const { host, port, limits, http, websocket } = options;
  const shared: NodeServer = { http, limits, owed: new Set(), stopping: false };
  const server = createServer({
    maxHeaderSize: limits.max_header_bytes,
    headersTimeout: limits.request_timeout_ms,
    requestTimeout: limits.request_timeout_ms,
    keepAliveTimeout: limits.keep_alive_ms,
    connectionsCheckingInterval: Math.max(50, Math.min(1000, limits.request_timeout_ms / 4)),
    noDelay: true,
  });
  server.maxConnections = limits.max_connections;
  const websockets = websocket === undefined ? undefined : new NodeWebSockets(shared, websocket);
  const socket = new NodeSocket(server, shared, websockets);
  server.on('request', (request, response) => new NodeExchange(shared, request, response).begin(false));
  server.on('checkContinue', (request, response) => new NodeExchange(shared, request, response).begin(true));
  server.on('clientError', (error: NodeJS.ErrnoException, connection) => refuseClient(shared, error.code, connection));
  if (websockets !== undefined) {
    server.on('upgrade', (request, connection, head) => websockets.upgrade(request, connection, head));
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      listenError({ host, port, port_setting: PORT_SETTING }, cause).then(reject, reject),
    );
    server.listen({ host, port, exclusive: true }, resolve);
  });
  return socket;
}

class NodeSocket implements Socket {
  readonly kind = 'node:http';
  readonly #server: Server;
  readonly #shared: NodeServer;
  readonly #websockets: NodeWebSockets | undefined;
  open_connections = 0;

  constructor(server: Server, shared: NodeServer, websockets: NodeWebSockets | undefined) {
    this.#server = server;
    this.#shared = shared;
    this.#websockets = websockets;
    server.on('connection', (connection) => {
      this.open_connections++;
      connection.once('close', () => {
        this.open_connections--;
        shared.owed.delete(connection);
      });
    });
  }

  get port(): number {
    return portOf(this.#server.address());
  }

  stopAccepting(): void {
    if (this.#shared.stopping) return;
    this.#shared.stopping = true;
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  destroy(): void {
    this.stopAccepting();
    this.#websockets?.destroy();
    this.#server.closeAllConnections();
  }
}

function portOf(address: string | AddressInfo | null): number {
  return address === null || typeof address === 'string' ? 0 : address.port;
}

/** Answers what is not HTTP, or not in time, and hangs up. Where an earlier request still waits for its answer nothing may be said. */
function refuseClient(shared: NodeServer, code: string | undefined, connection: Duplex): void {
  if (!connection.writable || code === 'ECONNRESET' || shared.owed.has(connection)) {
    connection.destroy();
    return;
  }
  const reply = (status: number, headers: ReplyHeaders, body: string | Uint8Array): void => {
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    connection.end(
      `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${lines}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      () => connection.destroy(),
    );
  };
  shared.http.refuse({ reply }, clientError(code, shared.limits));
}
