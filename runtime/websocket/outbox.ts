import type { WebSocketConnection } from '../socket/face.js';
import type { Frame } from './frame.js';

/**
 * Frames on their way to one client. The socket gets them up to the mark; what is beyond waits here and follows as the client
 * reads, so that the socket's own ceiling is never reached by answers that were asked for within the rules.
 */
export class Outbox {
  readonly #socket: WebSocketConnection;
  readonly #mark_bytes: number;
  #waiting: Frame[] = [];
  #first = 0;
  #waiting_bytes = 0;

  constructor(socket: WebSocketConnection, mark_bytes: number) {
    this.#socket = socket;
    this.#mark_bytes = mark_bytes;
  }

  /** Bytes not yet handed to the operating system. */
  get bytes(): number {
    return this.#socket.buffered_bytes + this.#waiting_bytes;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  send(frame: Frame): void {
    if (this.isEmpty && this.#socket.buffered_bytes <= this.#mark_bytes) {
      this.#socket.send(frame);
      return;
    }
    this.#waiting.push(frame);
    this.#waiting_bytes += frame.length;
  }

  /** Hands on as much as the socket takes below its mark. */
  flush(): void {
    while (this.#first < this.#waiting.length && this.#socket.buffered_bytes <= this.#mark_bytes) {
      const frame = this.#waiting[this.#first++];
      this.#waiting_bytes -= frame.length;
      this.#socket.send(frame);
    }
    if (this.#first === this.#waiting.length) this.clear();
  }

  clear(): void {
    this.#waiting = [];
    this.#first = 0;
    this.#waiting_bytes = 0;
  }
}
