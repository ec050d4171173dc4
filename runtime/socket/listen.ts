import { TidegateError } from '../../contract/error.js';
import type { Socket } from './face.js';
import { openNodeSocket } from './node-socket.js';
import type { SocketOptions } from './options.js';
import { openTcpSocket } from './tcp-socket.js';
import { loadUws, type UwsModule } from './uws-module.js';
import { openUwsSocket } from './uws-socket.js';

/**
 * `net`: HTTP/1 of our own on node:net, and ws. Conforms where uWebSockets.js does not, and is as fast for HTTP: the default.
 * `uws`: uWebSockets.js, the fastest for WebSocket; docs/http.md lists what of HTTP it does not do.
 * `node`: node:http and ws: Node's own parser, at about a third of the speed.
 */
export const SOCKET_CHOICES = ['net', 'uws', 'node'] as const;
export type SocketChoice = (typeof SOCKET_CHOICES)[number];

export interface ListenOptions extends SocketOptions {
  readonly choice: SocketChoice;
}

/** Listens. Rejects with INVALID_CONFIG when the port is taken, or when the socket that was asked for does not load. */
export async function listen(options: ListenOptions): Promise<Socket> {
  if (options.certificate !== undefined && options.choice !== 'net') {
    throw new TidegateError('INVALID_CONFIG', `the socket '${options.choice}' speaks no TLS: use the socket 'net'`);
  }
  switch (options.choice) {
    case 'net':
      return openTcpSocket(options);
    case 'node':
      return openNodeSocket(options);
    case 'uws':
      return openUwsSocket(await loaded(options.limits.max_header_bytes), options);
  }
}

async function loaded(max_header_bytes: number): Promise<UwsModule> {
  try {
    return await loadUws(max_header_bytes);
  } catch (cause) {
    const text = `uWebSockets.js does not load here: ${loadFailure(cause)}; use the socket 'net', or 'node'`;
    throw new TidegateError('INVALID_CONFIG', text, { cause });
  }
}

/** The last line of what the loader says names the cause (a missing file, a version of the C library); the first is advice. */
function loadFailure(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const lines = message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('- '));
  return lines.at(-1) ?? 'no reason given';
}
