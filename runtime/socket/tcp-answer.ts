import type { Socket as NetSocket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { TcpExchange } from './tcp-exchange.js';

/** Up to this size head and body go out as one buffer: a small copy costs less than a gathering write. */
const MOST_JOINED_BYTES = 64 * 1024;

/** Writes an answer whole. What it consists of may change as soon as this returns. */
export function writeAnswer(
  socket: NetSocket,
  { head, body, ascii }: Pick<TcpExchange, 'head' | 'body' | 'ascii'>,
): void {
  if (!socket.writable) return;
  if (typeof body === 'string') {
    socket.write(head + body, ascii ? 'latin1' : 'utf8');
    return;
  }
  if (body.length <= MOST_JOINED_BYTES) {
    const joined = Buffer.allocUnsafe(head.length + body.length);
    joined.write(head, 0, 'latin1');
    joined.set(body, head.length);
    socket.write(joined);
    return;
  }
  socket.cork();
  socket.write(head, 'latin1');
  // Node keeps what the kernel does not take at once, but shared memory changes when this call is over; TLS may take all of it later.
  const isTakenLater = body.buffer instanceof SharedArrayBuffer || socket instanceof TLSSocket;
  socket.write(isTakenLater ? Buffer.from(body) : body);
  socket.uncork();
}
