import { after } from 'node:test';
import { DEFAULT_LIMITS, type Limits } from '../../contract/limits.js';
import type { HttpExchange, HttpFace, Socket, WebSocketFace } from '../../runtime/socket/face.js';
import { listen, SOCKET_CHOICES, type SocketChoice } from '../../runtime/socket/listen.js';
import { loadUws } from '../../runtime/socket/uws-module.js';

export const SOCKETS = SOCKET_CHOICES;
export type SocketName = SocketChoice;

/** Why uWebSockets.js does not load here, for `skip`; false where it does. */
export async function missing(name: SocketName): Promise<string | false> {
  if (name !== 'uws') return false;
  return loadUws(DEFAULT_LIMITS.max_header_bytes).then(
    () => false,
    (error: unknown) => `uWebSockets.js does not load: ${error}`,
  );
}

const open = new Set<Socket>();
after(() => {
  for (const socket of open) socket.destroy();
});

export async function openSocket(
  choice: SocketName,
  http: HttpFace,
  limits: Partial<Limits> = {},
  websocket?: WebSocketFace,
): Promise<Socket> {
  const socket = await listen({
    host: '127.0.0.1',
    port: 0,
    limits: { ...DEFAULT_LIMITS, ...limits },
    choice,
    http,
    websocket,
  });
  open.add(socket);
  return socket;
}

const TEXT = [['content-type', 'text/plain']] as const;

/**
 * Answers what it was sent: method, path and body. `/late` answers in a later turn, `/hold` when `release` is called, `/no` before
 * the body is read.
 */
export class EchoFace implements HttpFace {
  gone = 0;
  begun = 0;
  taken = 0;
  readonly held: HttpExchange[] = [];
  #arrived: () => void = () => undefined;

  begin(exchange: HttpExchange): { take(body: Uint8Array): void } | undefined {
    this.begun++;
    const seen = exchange.header('x-seen');
    if (exchange.path === '/no') {
      exchange.reply(404, TEXT, 'no');
      return undefined;
    }
    return { take: (body) => this.#take(exchange, `${exchange.method} ${exchange.path} ${seen}|${Buffer.from(body)}`) };
  }

  refuse(exchange: Pick<HttpExchange, 'reply'>, error: { status: number; code: string; message: string }): void {
    exchange.reply(
      error.status,
      [['content-type', 'application/json']],
      JSON.stringify({ error: error.message, code: error.code }),
    );
  }

  async someoneHeld(count = 1): Promise<void> {
    while (this.held.length < count) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  release(): void {
    for (const exchange of this.held.splice(0)) exchange.reply(200, TEXT, 'released');
  }

  #take(exchange: HttpExchange, text: string): void {
    this.taken++;
    exchange.onGone = () => {
      this.gone++;
      this.#arrived();
    };
    if (exchange.path === '/hold') {
      this.held.push(exchange);
      this.#arrived();
    } else if (exchange.path === '/late') {
      setTimeout(() => exchange.reply(200, TEXT, text), 5);
    } else {
      exchange.reply(200, TEXT, text);
    }
  }

  async someoneGone(): Promise<void> {
    while (this.gone === 0) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }
}
