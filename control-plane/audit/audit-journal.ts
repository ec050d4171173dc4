import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { errorCode } from '../../std/exclusive-file.js';
import { Journal } from '../../std/journal.js';
import type { AuditStore } from './audit-store.js';
import { ChainCheck, type Head, NO_ENTRIES } from './chain.js';
import { type AuditEntry, lineOf, type NewFact, readLine } from './entry.js';

const HeadSchema = z.strictObject({ n: z.int().nonnegative(), hash: z.string().regex(/^[0-9a-f]{64}$/) });
/** Every how many entries the place of one is remembered. */
const STRIDE = 64;

/** The audit log of one machine: a journal whose entries are chained, and beside it the head that it had last. */
export class AuditJournal implements AuditStore {
  readonly #journal: Journal;
  readonly #headFile: number;
  readonly #now_ms: () => number;
  /** Where entries 1, 65, 129, … begin. */
  readonly #places: number[] = [];
  #head: Head = NO_ENTRIES;

  /** Throws INVALID_CONFIG where somebody changed the log: nothing is written behind what cannot be trusted. */
  constructor(path: string, now_ms: () => number) {
    this.#now_ms = now_ms;
    const check = new ChainCheck();
    const known = readHead(headPath(path));
    this.#journal = Journal.open(path, (line, at_bytes) => {
      const entry = check.next(line);
      if ('problem' in entry) throw damaged(path, `line ${entry.line}: ${entry.problem}`);
      if (entry.n === known.n && entry.hash !== known.hash) throw damaged(path, `entry ${entry.n} was replaced`);
      this.#place(entry.n, at_bytes);
    });
    this.#head = check.head;
    if (this.#head.n < known.n) {
      this.#journal.close();
      throw damaged(path, `it ends with entry ${this.#head.n}, and there were ${known.n}`);
    }
    this.#headFile = openSync(headPath(path), 'a+', 0o600);
    closeSync(this.#headFile);
    this.#headFile = openSync(headPath(path), 'r+');
    this.#writeHead();
  }

  get head(): Head {
    return this.#head;
  }

  append(fact: NewFact): AuditEntry {
    const { entry, line } = lineOf(
      { ...fact, v: 1, n: this.#head.n + 1, at: new Date(this.#now_ms()).toISOString() },
      this.#head.hash,
    );
    const at_bytes = this.#journal.size_bytes;
    this.#journal.append(line);
    this.#place(entry.n, at_bytes);
    this.#head = { n: entry.n, hash: entry.hash };
    this.#writeHead();
    return entry;
  }

  page(before: number, most: number): readonly AuditEntry[] {
    const last = Math.min(before - 1, this.#head.n);
    const first = Math.max(1, last - most + 1);
    if (last < first) return [];
    const entries = this.#between(this.#placeBefore(first), this.#placeBehind(last));
    return entries.filter(({ n }) => n >= first && n <= last).reverse();
  }

  close(): void {
    this.#journal.close();
    closeSync(this.#headFile);
  }

  #place(n: number, at_bytes: number): void {
    if ((n - 1) % STRIDE === 0) this.#places.push(at_bytes);
  }

  #placeBefore(n: number): number {
    return this.#places[Math.floor((n - 1) / STRIDE)];
  }

  #placeBehind(n: number): number {
    return this.#places[Math.floor((n - 1) / STRIDE) + 1] ?? this.#journal.size_bytes;
  }

  #between(from_bytes: number, to_bytes: number): AuditEntry[] {
    const bytes = Buffer.alloc(to_bytes - from_bytes);
    const file = openSync(this.#journal.path, 'r');
    try {
      let read = 0;
      while (read < bytes.length) {
        const got = readSync(file, bytes, read, bytes.length - read, from_bytes + read);
        if (got === 0) throw damaged(this.#journal.path, 'it became shorter while the control plane ran');
        read += got;
      }
    } finally {
      closeSync(file);
    }
    return bytes.toString('utf8').trimEnd().split('\n').map(readLine);
  }

  /** One write of always the same length into one block. It may be behind the log after a crash, and never before it. */
  #writeHead(): void {
    writeSync(this.#headFile, `${JSON.stringify(this.#head).padEnd(126)}\n`, 0);
  }
}

export function headPath(path: string): string {
  return `${path}.head`;
}

/** The head that was written last; none where there is no file yet. Throws INVALID_CONFIG. */
export function readHead(path: string): Head {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return text === '' ? NO_ENTRIES : HeadSchema.parse(JSON.parse(text));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return NO_ENTRIES;
    throw damaged(path, 'it cannot be read');
  }
}

function damaged(path: string, why: string): TidegateError {
  return new TidegateError(
    'INVALID_CONFIG',
    `the audit log ${path} was damaged: ${why}. Look at it with tidegate audit verify; to begin a new log, move it and its .head file away`,
  );
}
