import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TidegateError } from '../../contract/error.js';
import { BodyBuffer } from './body-buffer.js';
import type { BodyTaker, HttpExchange, ReplyHeaders } from './face.js';
import type { NodeServer } from './node-server.js';
import { DROPPED_BODIES, reasonPhrase } from './options.js';
import { tooLarge } from './refusal.js';

const NO_BYTES = new Uint8Array(0);

/** One request and its answer on node:http. */
export class NodeExchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  gone = false;
  onGone: (() => void) | undefined;
  readonly #server: NodeServer;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #taker: BodyTaker | undefined;
  #first: Uint8Array | undefined;
  #body: BodyBuffer | undefined;
  #received = 0;
  #answered = false;
  #taken = false;
  #closes = false;

  constructor(server: NodeServer, request: IncomingMessage, response: ServerResponse) {
    this.#server = server;
    this.#request = request;
    this.#response = response;
    this.method = request.method ?? '';
    this.path = pathOf(request.url ?? '');
  }

  header(name: string): string {
    const value = this.#request.headers[name];
    return value === undefined ? '' : typeof value === 'string' ? value : value.join(', ');
  }

  /** `wantsContinue`: the client waits for a word before it sends the body. */
  begin(wantsContinue: boolean): void {
    const { max_body_bytes } = this.#server.limits;
    const declared = Number(this.header('content-length') || 0);
    this.#response.once('close', () => this.#left());
    this.#request.on('data', (piece: Buffer) => this.#data(piece, declared));
    this.#request.once('end', () => this.#end());
    // A broken request shows in `close` of the response; without a listener it would end the process.
    this.#request.on('error', () => this.#left());
    if (declared > max_body_bytes) {
      this.#closes = wantsContinue || declared > max_body_bytes * DROPPED_BODIES;
      this.#refuse(tooLarge(max_body_bytes));
      return;
    }
    this.#taker = this.#server.http.begin(this);
    if (!wantsContinue) return;
    // A client that was answered without the word does not send the body, or does: the connection is of no more use.
    if (this.#answered) return;
    this.#response.writeContinue();
  }

  reply(status: number, headers: ReplyHeaders, body: string | Uint8Array): void {
    if (this.gone || this.#answered) return;
    this.#answered = true;
    this.#server.owed.delete(this.#request.socket);
    const fields: string[] = [];
    for (const [name, value] of headers) fields.push(name, value);
    // Node keeps what the kernel does not take at once, but shared memory changes when this call is over.
    const kept = typeof body !== 'string' && body.buffer instanceof SharedArrayBuffer ? Buffer.from(body) : body;
    fields.push('content-length', String(Buffer.byteLength(kept)));
    if (this.#closes || this.#server.stopping) fields.push('connection', 'close');
    this.#response.writeHead(status, reasonPhrase(status), fields);
    this.#response.end(kept);
  }

  #data(piece: Buffer, declared: number): void {
    const { max_body_bytes } = this.#server.limits;
    this.#received += piece.length;
    if (this.#received > max_body_bytes * DROPPED_BODIES) {
      this.#request.destroy();
      return;
    }
    if (this.#answered) return;
    if (this.#received > max_body_bytes) {
      this.#body = undefined;
      this.#refuse(tooLarge(max_body_bytes));
    } else if (this.#first === undefined) {
      this.#first = piece;
    } else {
      if (this.#body === undefined) {
        this.#body = new BodyBuffer(declared);
        this.#body.append(this.#first);
      }
      this.#body.append(piece);
    }
  }

  #end(): void {
    if (this.#answered || this.gone) return;
    this.#taken = true;
    const body = this.#body?.bytes ?? this.#first ?? NO_BYTES;
    this.#body = undefined;
    this.#first = undefined;
    this.#server.owed.add(this.#request.socket);
    this.#taker?.take(body);
  }

  #refuse(error: TidegateError): void {
    this.#server.http.refuse(this, error);
  }

  #left(): void {
    if (this.gone || this.#answered) return;
    this.gone = true;
    this.#body = undefined;
    this.#first = undefined;
    if (this.#taken) this.onGone?.();
  }
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
