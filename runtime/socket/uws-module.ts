import type { us_listen_socket } from 'uWebSockets.js';

/** What the library has and its declarations lack. */
declare module 'uWebSockets.js' {
  interface TemplatedApp {
    listen(
      host: RecognizedString,
      port: number,
      options: number,
      cb: (listenSocket: us_listen_socket | false) => void,
    ): TemplatedApp;
  }
  export const LIBUS_LISTEN_EXCLUSIVE_PORT: number;
  /** `silent`: no `uWebSockets` header in answers. */
  export function _cfg(key: string): void;
}

export type UwsModule = typeof import('uWebSockets.js');

/** Loads the addon; rejects where there is none for this platform, this Node or this C library. */
export async function loadUws(max_header_bytes: number): Promise<UwsModule> {
  // Read once, when the addon is loaded: how much of an unfinished head is kept.
  process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= String(max_header_bytes);
  const { default: uws } = await import('uWebSockets.js');
  uws._cfg('silent');
  return uws;
}
