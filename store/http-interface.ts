import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliCompress, createDeflate, createGzip } from 'node:zlib';
import type { Engine } from './engine.js';
import { type Answer, Execution } from './execution.js';
import { asEngineError, type EngineError, refusal, statusOf } from './failure.js';
import { contentType } from './format.js';
import { NamedSessions } from './named-sessions.js';
import { isKnownCompression, type QueryRequest, queryRequest } from './query-request.js';

export interface InterfaceOptions {
  readonly engine: Engine;
  /** Told of what is nobody's mistake but ours. */
  readonly onError: (error: unknown) => void;
}

const HEALTH = new Set(['/ping', '/replicas_status']);
const COMPRESSORS: readonly [name: string, create: () => Transform][] = [
  ['gzip', createGzip],
  ['br', createBrotliCompress],
  ['deflate', createDeflate],
];

/** ClickHouse's HTTP interface on an engine in this process, as far as clients use it: docs/store.md. */
export class HttpInterface {
  readonly server: Server;
  readonly #engine: Engine;
  readonly #named: NamedSessions;
  readonly #onError: (error: unknown) => void;
  #open = 0;

  constructor({ engine, onError }: InterfaceOptions) {
    this.#engine = engine;
    this.#named = new NamedSessions(engine);
    this.#onError = onError;
    this.server = createServer((request, response) => {
      this.#open++;
      this.#serve(request, response)
        .catch(onError)
        .finally(() => this.#open--);
    });
    // A statement may run for hours, and a body may come slowly: it is its client who gives up.
    this.server.requestTimeout = 0;
  }

  /** Requests that are not answered yet. */
  get open(): number {
    return this.#open;
  }

  close(): void {
    this.#named.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://store');
    response.setHeader('x-clickhouse-server-display-name', hostname());
    if (HEALTH.has(url.pathname) || (request.method === 'GET' && url.search === '')) {
      request.resume();
      response.setHeader('content-type', 'text/html; charset=UTF-8');
      response.end('Ok.\n');
      return;
    }
    const query = queryRequest(request.method ?? 'GET', url, request.headers, randomUUID);
    response.setHeader('x-clickhouse-query-id', query.query_id);
    response.setHeader('x-clickhouse-timezone', 'UTC');
    try {
      if (isForeign(request)) {
        throw refusal(
          'ACCESS_DENIED',
          'Not enough privileges: this store is for programs of this machine, not for pages in a browser',
        );
      }
      if (url.pathname !== '/') throw refusal('SYNTAX_ERROR', `There is no handler ${url.pathname}`);
      if (!isKnownCompression(query.body_compression)) {
        throw refusal('UNKNOWN_COMPRESSION_METHOD', `Unknown compression method: ${query.body_compression}`);
      }
      await this.#run(query, request, response, url);
    } catch (thrown) {
      this.#refuse(asEngineError(thrown), request, response);
    }
  }

  async #run(query: QueryRequest, request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    await this.#engine.enter();
    const started_ms = performance.now();
    let execution: Execution | undefined;
    let giveBack: () => void = () => undefined;
    // Before the answer ends: a client that has all of it may come again with the same session at once.
    const release = once(async () => {
      try {
        await execution?.restore();
      } finally {
        await execution?.end();
        giveBack();
        this.#engine.leave();
      }
    });
    try {
      const session = query.session === undefined ? this.#engine.session() : this.#named.take(query.session);
      const { session: named } = query;
      giveBack = () => (named === undefined ? session.close() : this.#named.giveBack(named));
      execution = new Execution(this.#engine, session, query);
      const answer = await execution.run(request);
      await send({ ...answer, body: endingWith(answer.body, release) }, request, response, url, started_ms);
    } finally {
      await release();
    }
  }

  #refuse(error: EngineError, request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    const text = `${error.message.trimEnd()} (version ${this.#engine.version} (official build))\n`;
    if (response.destroyed) return;
    if (response.headersSent) {
      // The status is gone: ClickHouse ends such an answer with the text of the error, and breaks it off.
      response.write(`\n__exception__\n${text}`, () => response.destroy());
      return;
    }
    if (error.code === 1002) this.#onError(error);
    for (const name of ['content-encoding', 'x-clickhouse-summary', 'x-clickhouse-format']) response.removeHeader(name);
    response.statusCode = statusOf(error.code);
    response.setHeader('x-clickhouse-exception-code', error.code);
    response.setHeader('content-type', 'text/plain; charset=UTF-8');
    response.end(text);
  }
}

function once(act: () => Promise<void>): () => Promise<void> {
  let acted: Promise<void> | undefined;
  return () => (acted ??= act());
}

const OWN_HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** A page in a browser sends its origin; one that had its name rebound to this machine sends that name. Neither has any business here. */
function isForeign({ headers }: IncomingMessage): boolean {
  const host = (headers.host ?? '127.0.0.1').replace(/:\d+$/, '');
  return headers.origin !== undefined || !OWN_HOSTS.has(host);
}

async function* endingWith(
  body: AsyncIterable<Uint8Array>,
  act: () => Promise<void>,
): AsyncGenerator<Uint8Array, void> {
  yield* body;
  await act();
}

async function send(
  answer: Answer,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  started_ms: number,
): Promise<void> {
  const elapsed_ns = Math.round((performance.now() - started_ms) * 1e6);
  response.setHeader('x-clickhouse-summary', summary(answer, elapsed_ns));
  if (answer.format !== '') {
    response.setHeader('x-clickhouse-format', answer.format);
    response.setHeader('content-type', contentType(answer.format));
  }
  const compressor = url.searchParams.get('enable_http_compression') === '1' ? compressorFor(request) : undefined;
  if (compressor !== undefined) response.setHeader('content-encoding', compressor[0]);
  const body = Readable.from(answer.body, { objectMode: false });
  if (compressor === undefined) await pipeline(body, response);
  else await pipeline(body, compressor[1](), response);
}

function compressorFor(request: IncomingMessage): (typeof COMPRESSORS)[number] | undefined {
  const accepted = String(request.headers['accept-encoding'] ?? '')
    .split(',')
    .map((each) => each.split(';')[0].trim());
  return COMPRESSORS.find(([name]) => accepted.includes(name));
}

function summary({ rows_read, bytes_read }: Answer, elapsed_ns: number): string {
  const rows = String(rows_read);
  const bytes = String(bytes_read);
  return JSON.stringify({
    read_rows: rows,
    read_bytes: bytes,
    written_rows: rows,
    written_bytes: bytes,
    total_rows_to_read: '0',
    result_rows: rows,
    result_bytes: bytes,
    elapsed_ns: String(elapsed_ns),
  });
}
