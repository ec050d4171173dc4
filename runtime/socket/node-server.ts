import type { Duplex } from 'node:stream';
import type { Limits } from '../../contract/limits.js';
import type { HttpFace } from './face.js';

/** What the exchanges of one listening socket share. */
export interface NodeServer {
  readonly http: HttpFace;
  readonly limits: Limits;
  /** Connections on which a whole request waits for its answer. */
  readonly owed: Set<Duplex>;
  stopping: boolean;
}
