import { WS_PATH, WS_SUBPROTOCOL } from '../contract/ws-address.js';
import { backoff_ms, DEFAULT_RECONNECT, type ReconnectOptions } from './backoff.js';
import { badAnswer, TidegateClientError } from './error.js';
import { type JsonObject, parseObject } from './message.js';
import { ScoringStream, type StreamLink } from './scoring-stream.js';
import type { StreamOptions } from './stream-options.js';
import { findWebSocket, type WebSocketConstructor, type WebSocketLike } from './web-socket.js';

export type ConnectionState = 'open' | 'reconnecting' | 'closed';

export interface ConnectOptions {
  /** false: a connection that breaks is over. */
  readonly reconnect?: ReconnectOptions | false;
  /** Time between pings; a server that said nothing for two of them is given up. */
  readonly ping_ms?: number;
  readonly onState?: (state: ConnectionState, error?: TidegateClientError) => void;
  /** Default: the platform's own WebSocket, else that of the package `ws`. */
  readonly WebSocket?: WebSocketConstructor;
}

const DEFAULT_PING_MS = 30_000;
const NORMAL_CLOSURE = 1000;
const NO_BYTES = new Uint8Array(0);

/**
 * A WebSocket of `tidegate.v1` that comes back when it breaks. What was in flight then is rejected as retryable; streams without
 * state are opened again and their waiting calls go on; stateful ones end with STATE_LOST.
 */
export class StreamingConnection implements StreamLink {
  readonly #url: string;
  readonly #options: ConnectOptions;
  readonly #reconnect: Required<ReconnectOptions> | undefined;
  readonly #streams = new Map<number, ScoringStream>();
  #socket: WebSocketLike | undefined;
  #nextStream = 1;
  #attempt = 0;
  #isOpen = false;
  #end: TidegateClientError | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #pingTimer: ReturnType<typeof setInterval> | undefined;
  #silentPings = 0;

  /** Connects. Rejects with CONNECT_FAILED when the first attempt fails; later ones are made by themselves. */
  static async open(base: string, options: ConnectOptions = {}): Promise<StreamingConnection> {
    const connection = new StreamingConnection(base, options);
    await connection.#connect();
    return connection;
  }

  private constructor(base: string, options: ConnectOptions) {
    this.#url = `${base.replace(/^http/, 'ws').replace(/\/+$/, '')}${WS_PATH}`;
    this.#options = options;
    this.#reconnect = options.reconnect === false ? undefined : { ...DEFAULT_RECONNECT, ...options.reconnect };
  }

  get state(): ConnectionState {
    if (this.#end !== undefined) return 'closed';
    return this.#isOpen ? 'open' : 'reconnecting';
  }

  /** Opens a stream on a model. Rejects with the server's reason, MODEL_NOT_FOUND for one. */
  async openStream(model: string, options: StreamOptions = {}): Promise<ScoringStream> {
    if (this.#end !== undefined) throw this.#end;
    const stream = new ScoringStream(model, this.#nextStream++, options, this);
    this.#streams.set(stream.number, stream);
    this.post(stream.openMessage);
    await stream.opened;
    return stream;
  }

  /** Closes all streams after their answers in flight, then the connection. */
  async close(): Promise<void> {
    if (this.#end !== undefined) return;
    // Between two connections nothing is in flight, and nobody would answer a farewell.
    if (this.#isOpen) await Promise.all([...this.#streams.values()].map((stream) => stream.close()));
    if (this.#end !== undefined) return;
    this.#finish(new TidegateClientError('CLOSED', 'the connection was closed'));
  }

  post(frame: string | Uint8Array<ArrayBuffer>): void {
    if (this.#isOpen) this.#socket?.send(frame);
  }

  forget(stream: ScoringStream): void {
    this.#streams.delete(stream.number);
  }

  async #connect(): Promise<void> {
    const WebSocket = this.#options.WebSocket ?? (await findWebSocket());
    // Closed while the constructor was looked for: there is nothing to open any more.
    if (this.#end !== undefined) throw this.#end;
    const socket = new WebSocket(this.#url, [WS_SUBPROTOCOL]);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => {
        this.#opened(socket);
        resolve();
      };
      socket.onerror = () => undefined;
      socket.onclose = ({ code }: CloseFacts) =>
        reject(new TidegateClientError('CONNECT_FAILED', `${this.#url} cannot be reached (close code ${code})`));
    });
  }

  #opened(socket: WebSocketLike): void {
    if (this.#end !== undefined) {
      socket.close(NORMAL_CLOSURE);
      return;
    }
    this.#isOpen = true;
    this.#attempt = 0;
    this.#silentPings = 0;
    socket.onmessage = ({ data }: { readonly data: unknown }) => this.#received(data);
    socket.onclose = ({ code, reason }: CloseFacts) =>
      this.#lost(`the connection was closed with code ${code} ${reason}`.trim());
    this.#pingTimer = setInterval(() => this.#ping(), this.#options.ping_ms ?? DEFAULT_PING_MS);
    for (const stream of this.#streams.values()) this.post(stream.openMessage);
    this.#options.onState?.('open');
  }

  #received(data: unknown): void {
    this.#silentPings = 0;
    try {
      const { message, binary } = readFrame(data);
      this.#hear(message, binary);
    } catch (error) {
      if (!(error instanceof TidegateClientError)) throw error;
      this.#lost(error.message);
    }
  }

  #hear(message: JsonObject, binary: Uint8Array): void {
    if (message['type'] === 'going_away') {
      for (const stream of this.#streams.values()) stream.pause();
      return;
    }
    const number = message['stream'];
    if (typeof number !== 'number') return;
    const stream = this.#streams.get(number);
    if (stream !== undefined) stream.hear(message, binary);
    // Given up while it was being opened.
    else if (message['type'] === 'opened') this.post(JSON.stringify({ type: 'close', stream: number }));
  }

  #ping(): void {
    if (this.#silentPings >= 2) {
      this.#lost('the server did not answer two pings');
      return;
    }
    this.#silentPings++;
    this.post('{"type":"ping"}');
  }

  /** The connection is of no use any more, whoever ended it. */
  #lost(reason: string): void {
    if (!this.#isOpen) return;
    this.#dropSocket();
    for (const stream of [...this.#streams.values()]) stream.lost();
    const error = new TidegateClientError('CONNECTION_LOST', reason);
    if (this.#end === undefined && this.#reconnect === undefined) this.#finish(error);
    if (this.#end !== undefined) return;
    this.#options.onState?.('reconnecting', error);
    this.#retryLater(this.#reconnect ?? DEFAULT_RECONNECT);
  }

  #retryLater(reconnect: Required<ReconnectOptions>): void {
    const wait_ms = backoff_ms(this.#attempt++, reconnect, Math.random());
    this.#retryTimer = setTimeout(() => {
      this.#connect().catch((error: unknown) => {
        if (this.#end !== undefined) return;
        const isLast = this.#attempt >= reconnect.attempts;
        if (!isLast && error instanceof TidegateClientError) this.#retryLater(reconnect);
        else this.#finish(asClientError(error));
      });
    }, wait_ms);
  }

  #finish(error: TidegateClientError): void {
    this.#end = error;
    clearTimeout(this.#retryTimer);
    for (const stream of [...this.#streams.values()]) stream.fail(error);
    this.#dropSocket();
    this.#options.onState?.('closed', error.code === 'CLOSED' ? undefined : error);
  }

  #dropSocket(): void {
    clearInterval(this.#pingTimer);
    this.#isOpen = false;
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close(NORMAL_CLOSURE);
    this.#socket = undefined;
  }
}

interface CloseFacts {
  readonly code: number;
  readonly reason: string;
}

function asClientError(error: unknown): TidegateClientError {
  if (error instanceof TidegateClientError) return error;
  return new TidegateClientError('CONNECT_FAILED', 'the connection could not be made again', { cause: error });
}

function readFrame(data: unknown): { readonly message: JsonObject; readonly binary: Uint8Array } {
  if (typeof data === 'string') return { message: parseObject(data, 'a frame of the server'), binary: NO_BYTES };
  if (!(data instanceof ArrayBuffer)) throw badAnswer('a frame of the server is neither text nor an ArrayBuffer');
  const length = data.byteLength >= 4 ? new DataView(data).getUint32(0, true) : Number.POSITIVE_INFINITY;
  if (4 + length > data.byteLength) throw badAnswer('a binary frame of the server ends within its JSON');
  const text = new TextDecoder().decode(new Uint8Array(data, 4, length));
  return { message: parseObject(text, 'a frame of the server'), binary: new Uint8Array(data, 4 + length) };
}
