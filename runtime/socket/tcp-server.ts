import type { Socket as NetSocket } from 'node:net';
import type { Limits } from '../../contract/limits.js';
import type { HttpFace } from './face.js';
import type { RequestHead } from './request-head.js';

/** What the connections of one listening socket share. */
export interface TcpServer {
  readonly http: HttpFace;
  readonly limits: Limits;
  /** undefined: upgrades are answered as if they were none. */
  readonly upgrade: ((head: RequestHead, socket: NetSocket, rest: Buffer) => void) | undefined;
  /** Good enough to see what is late: moves with the sweep. */
  clock_ms: number;
  /** For the header of that name. */
  date: string;
  stopping: boolean;
}
