import { DEFAULT_LIMITS, type Limits } from '../../contract/limits.js';
import { createHttpFace } from '../../runtime/http/http-face.js';
import type { WebSocketConnection } from '../../runtime/socket/face.js';
import { listen } from '../../runtime/socket/listen.js';
import { createWebSocketFace, type StreamingFace } from '../../runtime/websocket/websocket-face.js';
import { EchoInference, RigCatalog } from '../websocket/rig.js';

export type SocketKind = 'uws' | 'node';
export const SOCKET_KINDS: readonly SocketKind[] = ['uws', 'node'];

/** The real sockets and faces, over the rig's models. */
export interface Server {
  readonly url: string;
  readonly face: StreamingFace;
  readonly inference: EchoInference;
  /** Breaks every WebSocket, as a network does. */
  cut(): void;
  stop(): void;
}

export async function serve(kind: SocketKind, changes: Partial<Limits> = {}): Promise<Server> {
  const limits = { ...DEFAULT_LIMITS, ...changes };
  const catalog = new RigCatalog();
  const inference = new EchoInference(catalog);
  inference.automatic = true;
  const log = { debug() {}, warn() {}, error() {}, request: undefined };
  const face = createWebSocketFace({ catalog, inference, limits, log });
  const connections = new Set<WebSocketConnection>();
  const { opened } = face;
  face.opened = (connection, headers) => {
    connections.add(connection);
    opened.call(face, connection, headers);
  };
  const cut = () => {
    for (const connection of connections) connection.terminate();
    connections.clear();
  };
  const http = createHttpFace({
    catalog,
    inference,
    limits,
    server: { name: 'tidegate', version: '0', socketKind: () => kind },
    statistics: () => ({ model_stats: [] }),
    metrics: () => '',
    ready: () => true,
    log,
  });
  const host = '127.0.0.1';
  const socket = await listen({ host, port: 0, limits, http, websocket: face, choice: kind });
  const url = `http://${host}:${socket.port}`;
  return { url, face, inference, cut, stop: () => socket.destroy() };
}
