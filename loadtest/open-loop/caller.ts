import type { Outcome } from './http-connection.js';

/** Sends requests of a plan by their number, over connections of its own. What waits for a connection waits here. */
export interface Caller {
  /** Resolves when the first connection is open; rejects when the server cannot be reached. */
  ready(): Promise<void>;
  /** `done` is called once, or never when the caller is closed first. False: too many wait already, and it was not taken. */
  send(request: number, done: (outcome: Outcome) => void): boolean;
  close(): void;
}
