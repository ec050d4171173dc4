import { STATUS_CODES } from 'node:http';
import type { Limits } from '../../contract/limits.js';
import type { Certificate } from '../../std/certificate.js';
import type { HttpFace, WebSocketFace } from './face.js';

export interface SocketOptions {
  readonly host: string;
  /** 0: the system gives one. */
  readonly port: number;
  readonly limits: Limits;
  readonly http: HttpFace;
  /** undefined: upgrades are refused. */
  readonly websocket: WebSocketFace | undefined;
  /** undefined: no TLS. */
  readonly certificate?: Certificate | undefined;
}

/** How people choose the port, in messages. */
export const PORT_SETTING = '--port or TIDEGATE_HTTP_PORT';

const EXTRA_STATUS: Readonly<Record<number, string>> = { 499: 'Client Closed Request' };

export function reasonPhrase(status: number): string {
  return STATUS_CODES[status] ?? EXTRA_STATUS[status] ?? 'Unknown';
}

/**
 * How much of a body that nobody wants is read and dropped, as a multiple of `max_body_bytes`, so that the client, who sends before
 * it reads, finds the refusal. Beyond it the connection is cut.
 */
export const DROPPED_BODIES = 4;

/** Above this multiple of `ws_buffered_bytes` a WebSocket connection is closed with `SLOW_READER_CODE`. */
export const BUFFER_CEILING = 4;

/** 1013 "try again later": the client does not read as fast as it asks. */
export const SLOW_READER_CODE = 1013;
export const SLOW_READER_REASON = 'answers are not read as fast as they are asked for';

/** The subprotocols that a `Sec-WebSocket-Protocol` header offers. */
export function offeredProtocols(header: string): string[] {
  return header
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
