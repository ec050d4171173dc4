import { TidegateClientError } from './error.js';

/**
 * What this client needs of a WebSocket: browsers, Node 22 and newer, and the package `ws` all have it. They name the types of
 * their events differently, so that `never` stands for those here.
 */
export interface WebSocketLike {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** The platform's own, else the package `ws`. */
export async function findWebSocket(): Promise<WebSocketConstructor> {
  const own: unknown = Reflect.get(globalThis, 'WebSocket');
  if (isConstructor(own)) return own;
  const { WebSocket }: { WebSocket: unknown } = await import('ws');
  if (isConstructor(WebSocket)) return WebSocket;
  throw new TidegateClientError('INVALID_ARGUMENT', 'there is no WebSocket here: give one as options.WebSocket');
}

function isConstructor(value: unknown): value is WebSocketConstructor {
  return typeof value === 'function';
}
