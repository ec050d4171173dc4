import type { HttpExchange, ReplyHeaders } from './face.js';
import { reasonPhrase } from './options.js';
import { headerValue, type RequestHead } from './request-head.js';
import type { TcpConnection } from './tcp-connection.js';

const heads = new Map<number, string>();

/** One request and its answer, which waits for the answers before it. */
export class TcpExchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  onGone: (() => void) | undefined;
  gone = false;
  taken = false;
  answered = false;
  /** The connection closes after this answer. */
  closes: boolean;
  /** The answer, while others are before it. */
  head = '';
  body: string | Uint8Array = '';
  /** The body is text of one byte a letter, which is written faster. */
  ascii = false;
  readonly #connection: TcpConnection;
  readonly #head: RequestHead | undefined;

  constructor(connection: TcpConnection, head: RequestHead | undefined) {
    this.#connection = connection;
    this.#head = head;
    this.method = head?.method ?? '';
    this.path = head?.path ?? '';
    this.closes = head?.closes ?? true;
  }

  header(name: string): string {
    const head = this.#head;
    return head === undefined ? '' : (headerValue(head.lower, head.lines, name) ?? '');
  }

  reply(status: number, headers: ReplyHeaders, body: string | Uint8Array): void {
    if (this.answered || this.gone) return;
    this.answered = true;
    if (this.#connection.stopping) this.closes = true;
    let line = heads.get(status);
    if (line === undefined) {
      line = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`;
      heads.set(status, line);
    }
    let text = line;
    for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    text += `content-length: ${length}\r\ndate: ${this.#connection.date}\r\n${this.closes ? 'connection: close\r\n' : ''}\r\n`;
    this.head = text;
    this.ascii = typeof body === 'string' && length === body.length;
    this.body = this.method === 'HEAD' ? '' : body;
    this.#connection.answered(this);
  }
}
