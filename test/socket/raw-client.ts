import { connect, type Socket } from 'node:net';
import { setTimeout as later } from 'node:timers/promises';

export interface RawAnswer {
  readonly text: string;
  /** The server closed its side. */
  readonly ended: boolean;
}

export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A bare connection: sends bytes as they are, and collects what comes back. */
export class RawClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  ended = false;
  #changed: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece: Buffer) => {
      this.#received = Buffer.concat([this.#received, piece]);
      this.#changed();
    });
    const end = () => {
      this.ended = true;
      this.#changed();
    };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', end);
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const client = new RawClient(socket);
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()).once('close', () => resolve()));
    return client;
  }

  get text(): string {
    return this.#received.toString('latin1');
  }

  send(bytes: string | Uint8Array): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** Sends a byte at a time, each in a turn of its own. */
  async dribble(bytes: string): Promise<void> {
    for (const byte of bytes) {
      this.send(byte);
      await later(1);
    }
  }

  /** The next whole answer, taken off what was received; undefined: the server hung up without one. */
  async reply(withoutBody = false): Promise<RawReply | undefined> {
    for (;;) {
      const reply = this.#takeReply(withoutBody);
      if (reply !== undefined) return reply;
      if (this.ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async hungUp(): Promise<void> {
    while (!this.ended) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  close(): void {
    this.socket.destroy();
  }

  #takeReply(withoutBody: boolean): RawReply | undefined {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return undefined;
    const [statusLine = '', ...lines] = this.#received.subarray(0, headEnd).toString('latin1').split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const status = Number(statusLine.split(' ')[1]);
    const bodyStart = headEnd + 4;
    if (status === 100) {
      this.#received = this.#received.subarray(bodyStart);
      return this.#takeReply(withoutBody);
    }
    const length = withoutBody ? 0 : headers['content-length'];
    // An answer without a length ends with the connection.
    if (length === undefined && !this.ended) return undefined;
    const bodyEnd = length === undefined ? this.#received.length : bodyStart + Number(length);
    if (this.#received.length < bodyEnd) return undefined;
    const body = Buffer.from(this.#received.subarray(bodyStart, bodyEnd));
    this.#received = this.#received.subarray(bodyEnd);
    return { status, headers, body };
  }
}

/** Sends one request on a connection of its own. */
export async function ask(
  port: number,
  request: string | Uint8Array,
  withoutBody = false,
): Promise<RawReply | undefined> {
  const client = await RawClient.open(port);
  client.send(request);
  const reply = await client.reply(withoutBody);
  client.close();
  return reply;
}

export interface RequestParts {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly version?: string;
}

/** A request as bytes on the wire, with a Host and a Content-Length. */
export function request({
  method,
  path = '/echo',
  headers = [],
  body,
  version = 'HTTP/1.1',
}: RequestParts = {}): string {
  const verb = method ?? (body === undefined ? 'GET' : 'POST');
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  return `${[`${verb} ${path} ${version}`, 'Host: test', ...length, ...headers].join('\r\n')}\r\n\r\n${body ?? ''}`;
}

/** A body in chunks of `size` bytes. */
export function chunked(body: string, size: number): string {
  let text = '';
  for (let at = 0; at < body.length; at += size) {
    const piece = body.slice(at, at + size);
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}
