import { TidegateError } from '../../contract/error.js';
import type { Socket } from './face.js';
import { openNodeSocket } from './node-socket.js';
import type { SocketOptions } from './options.js';
import { openTcpSocket } from './tcp-socket.js';
import { loadUws, type UwsModule } from './uws-module.js';
import { openUwsSocket } from './uws-socket.js';

export interface ListenOptions extends SocketOptions {
  /** `auto`: uWebSockets.js where it loads, else node:http. */
  readonly prefer: 'auto' | 'uws' | 'net' | 'node';
  /** Called with the reason when `auto` falls back to node:http. */
  readonly onFallback: (reason: string) => void;
}

/** Listens. Rejects with INVALID_CONFIG when the port is taken, or when the socket that was asked for does not load. */
export async function listen(options: ListenOptions): Promise<Socket> {
  if (options.prefer === 'node') return openNodeSocket(options);
  if (options.prefer === 'net') return openTcpSocket(options);
  let uws: UwsModule;
  try {
    uws = await loadUws(options.limits.max_header_bytes);
  } catch (cause) {
    const reason = loadFailure(cause);
    if (options.prefer === 'uws') {
      throw new TidegateError(
        'INVALID_CONFIG',
        `uWebSockets.js does not load here: ${reason}; use the socket 'auto' or 'node'`,
        { cause },
      );
    }
    options.onFallback(reason);
    return openNodeSocket(options);
  }
  return openUwsSocket(uws, options);
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
