import { IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, Socket as NetSocket, type Server } from 'node:net';
import { createServer as createTlsServer, TLSSocket, Server as TlsServer } from 'node:tls';
import type { Limits } from '../../contract/limits.js';
import type { Certificate } from '../../std/certificate.js';
import { listenError } from '../../std/port-holder.js';
import type { Socket } from './face.js';
import { NodeWebSockets } from './node-websocket.js';
import type { SocketOptions } from './options.js';
import { PORT_SETTING } from './options.js';
import type { RequestHead } from './request-head.js';
import { TcpConnection } from './tcp-connection.js';
import type { TcpServer } from './tcp-server.js';

const SWEEP_MS = 250;
/** What one read takes at most. All connections share the buffer, since each read is used up before the next. */
const READ_BYTES = 256 * 1024;

/** Listens with an HTTP/1 server of its own on node:net, and ws. Rejects with INVALID_CONFIG when it cannot listen there. */
export async function openTcpSocket(options: SocketOptions): Promise<Socket> {
  const { host, port, limits, http, websocket, certificate } = options;
  const state = { stopping: false };
  const websockets =
    websocket === undefined
      ? undefined
      : new NodeWebSockets(
          {
            http,
            limits,
            owed: new Set(),
            get stopping() {
              return state.stopping;
            },
          },
          websocket,
        );
  const shared: TcpServer = {
    http,
    limits,
    upgrade:
      websockets === undefined
        ? undefined
        : (head, socket, rest) => websockets.upgrade(messageOf(head, socket), socket, rest),
    clock_ms: performance.now(),
    date: new Date().toUTCString(),
    get stopping() {
      return state.stopping;
    },
    set stopping(value) {
      state.stopping = value;
    },
  };
  const server = serverOf(certificate, limits);
  const socket = new TcpSocket(server, shared, websockets);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      listenError({ host, port, port_setting: PORT_SETTING }, cause).then(reject, reject),
    );
    server.listen({ host, port, exclusive: true }, resolve);
  });
  return socket;
}

function serverOf(certificate: Certificate | undefined, limits: Limits): Server {
  if (certificate === undefined) return createServer({ noDelay: true, pauseOnConnect: true });
  const server = createTlsServer({
    ...certificate,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    noDelay: true,
    handshakeTimeout: limits.request_timeout_ms,
  });
  // Those that have not shaken hands yet count here alone.
  server.maxConnections = limits.max_connections;
  return server;
}

/** The head in the form that ws takes. */
function messageOf(head: RequestHead, socket: NetSocket): IncomingMessage {
  const message = new IncomingMessage(socket);
  message.method = head.method;
  message.url = head.path;
  for (const line of head.lines.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) message.headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return message;
}

/**
 * The accepted socket again, reading into `buffer`. Without it Node allocates 64 KiB for every read, which costs a third of the
 * throughput; it offers the option for sockets that connect, and none for those that a server accepted, so the handle is moved to
 * a new socket. Where a release of Node has no such handle the socket stays as it is.
 */
function withReadBuffer(accepted: NetSocket, buffer: Buffer, read: (piece: Buffer) => boolean): NetSocket {
  // What TLS deciphers is not what the handle reads.
  if (accepted instanceof TLSSocket) return accepted;
  const handle: unknown = Reflect.get(accepted, '_handle');
  if (typeof handle !== 'object' || handle === null || !('useUserBuffer' in handle)) return accepted;
  Reflect.set(accepted, '_handle', null);
  const options = {
    handle,
    readable: true,
    writable: true,
    onread: { buffer, callback: (bytes: number) => read(buffer.subarray(0, bytes)) },
  };
  return new NetSocket(options);
}

class TcpSocket implements Socket {
  readonly kind = 'node:net';
  open_connections = 0;
  readonly #server: Server;
  readonly #shared: TcpServer;
  readonly #websockets: NodeWebSockets | undefined;
  readonly #connections = new Map<TcpConnection, NetSocket>();
  readonly #readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #sweep: NodeJS.Timeout;

  constructor(server: Server, shared: TcpServer, websockets: NodeWebSockets | undefined) {
    this.#server = server;
    this.#shared = shared;
    this.#websockets = websockets;
    // With TLS a connection is one when hands are shaken; whoever cannot is gone by himself.
    server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: NetSocket) =>
      this.#accept(socket),
    );
    this.#sweep = setInterval(() => this.#checkAll(), SWEEP_MS).unref();
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  stopAccepting(): void {
    if (this.#shared.stopping) return;
    this.#shared.stopping = true;
    this.#server.close();
    this.#checkAll();
  }

  destroy(): void {
    this.stopAccepting();
    clearInterval(this.#sweep);
    this.#websockets?.destroy();
    for (const socket of this.#connections.values()) socket.destroy();
  }

  #accept(accepted: NetSocket): void {
    // Counted here: the server would go on counting sockets whose handle was moved.
    if (this.open_connections >= this.#shared.limits.max_connections) {
      accepted.destroy();
      return;
    }
    // The connection is made right below, before anything can be read.
    const socket = withReadBuffer(accepted, this.#readBuffer, (piece) => {
      if (!connection.upgraded) connection.received(piece);
      else return socket.push(Buffer.from(piece));
      return true;
    });
    const connection = new TcpConnection(this.#shared, socket);
    this.open_connections++;
    this.#connections.set(connection, socket);
    if (socket === accepted) socket.on('data', (piece: Buffer) => connection.received(piece));
    socket.on('drain', () => connection.drained());
    socket.on('end', () => connection.left());
    // What broke shows in `close`.
    socket.on('error', () => connection.left());
    socket.once('close', () => {
      this.open_connections--;
      this.#connections.delete(connection);
      connection.left();
    });
    socket.resume();
  }

  #checkAll(): void {
    const now_ms = performance.now();
    this.#shared.clock_ms = now_ms;
    this.#shared.date = new Date().toUTCString();
    for (const connection of this.#connections.keys()) connection.sweep(now_ms);
  }
}
