import type { ErrorCode } from '../../contract/error.js';
import type { Limits } from '../../contract/limits.js';
import { WS_PATH, WS_SUBPROTOCOL } from '../../contract/ws-address.js';
import { type Inference, STREAM_SEQUENCE_PREFIX } from '../admission/inference.js';
import type { ModelCatalog } from '../model/served-version.js';
import type { WebSocketConnection, WebSocketFace } from '../socket/face.js';
import { Connection, type WebSocketLog } from './connection.js';

/** The WebSocket face, as the node sees it. */
export interface StreamingFace extends WebSocketFace {
  readonly open_connections: number;
  readonly open_streams: number;
  /** Bytes of answers that clients have not taken yet, over all connections. */
  readonly unsent_bytes: number;
  /**
   * The node is about to stop: tells every client, admits nothing more, closes each connection with 1001 once its messages in flight
   * are answered. Resolves when all connections are closed; those that are left after `deadline_ms` are dropped.
   */
  goingAway(deadline_ms: number): Promise<void>;
}

export interface WebSocketFaceParts {
  readonly catalog: ModelCatalog;
  readonly inference: Inference;
  readonly limits: Limits;
  readonly log: WebSocketLog;
  /** Counts an error that a client was told. */
  readonly told?: (code: ErrorCode) => void;
}

/** Serves `tidegate.v1` (docs/websocket.md) on whatever socket calls it. */
export function createWebSocketFace(parts: WebSocketFaceParts): StreamingFace {
  return new Face(parts);
}

interface Client {
  readonly socket: WebSocketConnection;
  readonly connection: Connection;
}

class Face implements StreamingFace {
  readonly #clients = new Map<WebSocketConnection, Client>();
  readonly #parts: WebSocketFaceParts;
  #sequences = 0;
  #leaving_ms: number | undefined;
  #allClosed: (() => void) | undefined;

  constructor(parts: WebSocketFaceParts) {
    this.#parts = parts;
  }

  get open_connections(): number {
    return this.#clients.size;
  }

  get open_streams(): number {
    let streams = 0;
    for (const { connection } of this.#clients.values()) streams += connection.streams;
    return streams;
  }

  get unsent_bytes(): number {
    let bytes = 0;
    for (const { connection } of this.#clients.values()) bytes += connection.unsent_bytes;
    return bytes;
  }

  choose(path: string, offered: readonly string[]): string | undefined {
    return path === WS_PATH && offered.includes(WS_SUBPROTOCOL) ? WS_SUBPROTOCOL : undefined;
  }

  opened(socket: WebSocketConnection, headers: { readonly traceparent: string }): void {
    const connection = new Connection(socket, {
      ...this.#parts,
      traceparent: headers.traceparent,
      nextSequenceId: () => `${STREAM_SEQUENCE_PREFIX}${++this.#sequences}`,
    });
    this.#clients.set(socket, { socket, connection });
    const trace = headers.traceparent === '' ? {} : { traceparent: headers.traceparent };
    this.#parts.log.debug({ connection: socket.id, ...trace }, 'WebSocket opened');
    if (this.#leaving_ms !== undefined) connection.goingAway(this.#leaving_ms);
  }

  received(socket: WebSocketConnection, frame: Uint8Array, binary: boolean): void {
    this.#clients.get(socket)?.connection.received(frame, binary);
  }

  drained(socket: WebSocketConnection): void {
    this.#clients.get(socket)?.connection.drained();
  }

  closed(socket: WebSocketConnection, code: number): void {
    const client = this.#clients.get(socket);
    if (client === undefined) return;
    this.#clients.delete(socket);
    client.connection.closed();
    this.#parts.log.debug({ connection: socket.id, code }, 'WebSocket closed');
    if (this.#clients.size === 0) this.#allClosed?.();
  }

  async goingAway(deadline_ms: number): Promise<void> {
    this.#leaving_ms = deadline_ms;
    for (const { connection } of this.#clients.values()) connection.goingAway(deadline_ms);
    if (this.#clients.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#dropAll(), deadline_ms);
      this.#allClosed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #dropAll(): void {
    for (const { socket, connection } of [...this.#clients.values()]) {
      connection.closed();
      socket.terminate();
    }
    this.#clients.clear();
    this.#allClosed?.();
  }
}
