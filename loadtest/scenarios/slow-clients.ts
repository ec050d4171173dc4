import { connect, type Socket } from 'node:net';

const BYTE_EVERY_MS = 100;

/** Clients beside a load: each sends its request byte by byte, and reads nothing of what comes back. */
export class SlowClients {
  readonly #sockets = new Set<Socket>();
  readonly #timer: NodeJS.Timeout;
  #closed = false;
  #sent = 0;

  constructor(host: string, port: number, request: Buffer, clients: number) {
    for (let client = 0; client < clients; client++) this.#open(host, port);
    this.#timer = setInterval(() => {
      const at = this.#sent++ % request.length;
      for (const socket of this.#sockets) socket.write(request.subarray(at, at + 1));
      // A server may drop whoever is so slow; then another comes.
      for (let missing = clients - this.#sockets.size; missing > 0; missing--) this.#open(host, port);
    }, BYTE_EVERY_MS);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
  }

  #open(host: string, port: number): void {
    if (this.#closed) return;
    const socket = connect({ host, port });
    socket.pause();
    this.#sockets.add(socket);
    // Its end is told by 'close', whatever the reason was.
    socket.on('error', () => this.#sockets.delete(socket));
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
