import type { HttpResponse, TemplatedApp, us_listen_socket } from 'uWebSockets.js';
import { listenError, probeListen } from '../../std/port-holder.js';
import type { Socket } from './face.js';
import type { SocketOptions } from './options.js';
import { PORT_SETTING } from './options.js';
import { UwsExchange } from './uws-exchange.js';
import type { UwsModule } from './uws-module.js';
import type { UwsServer } from './uws-server.js';
import { serveUwsWebSockets } from './uws-websocket.js';

const SWEEP_MS = 250;

/** Listens with uWebSockets.js. Rejects with INVALID_CONFIG when it cannot listen there. */
export async function openUwsSocket(uws: UwsModule, options: SocketOptions): Promise<Socket> {
  const { host, port, limits, http, websocket } = options;
  const app = uws.App();
  const server: UwsServer = {
    http,
    limits,
    unfinished: new Set(),
    clock_ms: performance.now(),
    stopping: false,
  };
  const socket = new UwsSocket(uws, app, server);
  const counted = (response: HttpResponse, change: number) => {
    if (change > 0) {
      socket.open_connections++;
      if (socket.open_connections > limits.max_connections || server.stopping) response.close();
    } else {
      socket.open_connections--;
    }
  };
  app.filter((response, change) => counted(response, Number(change)));
  if (websocket !== undefined) serveUwsWebSockets(app, server, websocket);
  app.any('/*', (response, request) => new UwsExchange(server, response, request).begin());
  // By default the library shares the port: a second server would take a part of the connections without a word.
  const listening = await new Promise<us_listen_socket | false>((resolve) => {
    app.listen(host, port, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, resolve);
  });
  if (listening === false) {
    app.close();
    throw await listenError({ host, port, port_setting: PORT_SETTING }, await probeListen(host, port));
  }
  socket.start(listening);
  return socket;
}

class UwsSocket implements Socket {
  readonly kind = 'uWebSockets.js';
  port = 0;
  open_connections = 0;
  readonly #uws: UwsModule;
  readonly #app: TemplatedApp;
  readonly #server: UwsServer;
  #listening: us_listen_socket | undefined;
  #sweep: NodeJS.Timeout | undefined;

  constructor(uws: UwsModule, app: TemplatedApp, server: UwsServer) {
    this.#uws = uws;
    this.#app = app;
    this.#server = server;
  }

  start(listening: us_listen_socket): void {
    this.#listening = listening;
    this.port = this.#uws.us_socket_local_port(listening);
    this.#sweep = setInterval(() => this.#expire(), SWEEP_MS).unref();
  }

  stopAccepting(): void {
    this.#server.stopping = true;
    if (this.#listening === undefined) return;
    this.#uws.us_listen_socket_close(this.#listening);
    this.#listening = undefined;
  }

  destroy(): void {
    this.stopAccepting();
    clearInterval(this.#sweep);
    this.#app.close();
  }

  #expire(): void {
    const { unfinished, limits } = this.#server;
    const now_ms = performance.now();
    this.#server.clock_ms = now_ms;
    for (const exchange of unfinished) {
      if (now_ms - exchange.started_ms > limits.request_timeout_ms) exchange.expire();
    }
  }
}
