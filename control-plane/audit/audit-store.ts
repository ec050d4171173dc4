import type { Head } from './chain.js';
import type { AuditEntry, NewFact } from './entry.js';

/** Where the log of changes and refusals is kept. */
export interface AuditStore {
  /** Returns when the entry will survive. Throws what the disk throws: then nothing was written, and what it tells of must not be done. */
  append(fact: NewFact): AuditEntry;
  /** Newest first, those below `before`. */
  page(before: number, most: number): readonly AuditEntry[];
  readonly head: Head;
  close(): void;
}
