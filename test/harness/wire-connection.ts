import { connect, type Socket } from 'node:net';
import { parseAnswer, type WireAnswer } from './http-answer.js';

export type WireOutcome =
  | { readonly outcome: 'answered'; readonly answer: WireAnswer }
  /** The server hung up without a whole answer. */
  | { readonly outcome: 'closed' }
  | { readonly outcome: 'silent' };

/** A bare connection that sends bytes as they are: nothing is corrected on the way, as an HTTP library would. */
export class WireConnection {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  static async open(port: number, host = '127.0.0.1'): Promise<WireConnection> {
    // Half open: a server may answer before it reads all, and a client may close its sending side and still read.
    const socket = connect({ port, host, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.setNoDelay(true);
    return new WireConnection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#wake?.();
    });
    const ended = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.on('end', ended);
    socket.on('close', ended);
    // A reset while sending is an outcome, and 'close' follows it.
    socket.on('error', ended);
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(bytes: Uint8Array | string): void {
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(bytes);
  }

  closeSending(): void {
    this.#socket.end();
  }

  /** Stops reading, so that the server's side fills up. */
  pause(): void {
    this.#socket.pause();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Drops the connection with a reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** The next answer on this connection, or what happened instead. */
  async receive(method: string, seconds: number): Promise<WireOutcome> {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
      const bytes = this.#chunks[0] ?? Buffer.alloc(0);
      const parsed = parseAnswer(bytes, method, this.#ended);
      if (parsed !== undefined) {
        this.#chunks = parsed.end < bytes.length ? [bytes.subarray(parsed.end)] : [];
        return { outcome: 'answered', answer: parsed.answer };
      }
      if (this.#ended) return { outcome: 'closed' };
      const left = deadline - performance.now();
      if (left <= 0) return { outcome: 'silent' };
      await this.#more(left);
    }
  }

  /** Resolves when more has come, the connection has ended, or the time is over. */
  async #more(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
