import type { Limits } from '../../contract/limits.js';
import type { HttpFace } from './face.js';

/** A request whose body is awaited. */
export interface Unfinished {
  readonly started_ms: number;
  /** Answers that it did not come in time. */
  expire(): void;
}

/** What the exchanges and connections of one listening socket share. */
export interface UwsServer {
  readonly http: HttpFace;
  readonly limits: Limits;
  /** Exchanges whose body came in pieces and is not whole. */
  readonly unfinished: Set<Unfinished>;
  /** Good enough to see what is late: moves with the sweep. */
  clock_ms: number;
  stopping: boolean;
}
