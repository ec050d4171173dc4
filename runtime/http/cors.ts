import type { HttpExchange, ReplyHeaders } from '../socket/face.js';

/**
 * Lets pages of other origins call this node from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol). Off unless origins are
 * configured: then no header is read and no answer changes.
 */
export class CorsPolicy {
  readonly #any: boolean;
  readonly #origins: ReadonlySet<string>;

  /** `origins`: as browsers send them (`https://example.com`), or `*` for any. */
  constructor(origins: readonly string[]) {
    this.#any = origins.includes('*');
    this.#origins = new Set(origins);
  }

  /** The exchange, with the headers that let its page read the answer; itself where its origin may not. */
  admit(exchange: HttpExchange): HttpExchange {
    const origin = exchange.header('origin');
    if (origin === '' || !(this.#any || this.#origins.has(origin))) return exchange;
    return new CorsExchange(exchange, origin);
  }

  /** Answers the question that a browser asks before the request itself. Returns whether it was one. */
  answerPreflight(exchange: HttpExchange): boolean {
    if (!(exchange instanceof CorsExchange) || exchange.method !== 'OPTIONS') return false;
    if (exchange.header('access-control-request-method') === '') return false;
    const headers = exchange.header('access-control-request-headers');
    exchange.reply(
      204,
      [
        ['access-control-allow-methods', 'GET, POST'],
        ...(headers === '' ? [] : [['access-control-allow-headers', headers] as const]),
        ['access-control-max-age', '600'],
      ],
      '',
    );
    return true;
  }
}

/** An exchange whose answer its page may read. */
class CorsExchange implements HttpExchange {
  readonly #exchange: HttpExchange;
  readonly #origin: string;

  constructor(exchange: HttpExchange, origin: string) {
    this.#exchange = exchange;
    this.#origin = origin;
  }

  get method(): string {
    return this.#exchange.method;
  }

  get path(): string {
    return this.#exchange.path;
  }

  get gone(): boolean {
    return this.#exchange.gone;
  }

  get onGone(): (() => void) | undefined {
    return this.#exchange.onGone;
  }

  set onGone(call: (() => void) | undefined) {
    this.#exchange.onGone = call;
  }

  header(name: string): string {
    return this.#exchange.header(name);
  }

  reply(status: number, headers: ReplyHeaders, body: string | Uint8Array): void {
    const more: ReplyHeaders = [
      ['access-control-allow-origin', this.#origin],
      [
        'access-control-expose-headers',
        'inference-header-content-length, retry-after, tidegate-log, tidegate-request-id, tidegate-route',
      ],
      ['vary', 'origin'],
    ];
    this.#exchange.reply(status, [...headers, ...more], body);
  }
}
