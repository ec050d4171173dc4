import { type AuditEntry, factOf, GENESIS, hashOf, readLine } from './entry.js';

/** The last entry of a chain: who knows it, notices when anything before it was changed or anything behind it is gone. */
export interface Head {
  readonly n: number;
  readonly hash: string;
}

export const NO_ENTRIES: Head = { n: 0, hash: GENESIS };

/** Where a chain is broken, and how. */
export interface Break {
  readonly line: number;
  readonly problem: string;
}

/** Follows a chain entry by entry from its beginning, or from behind an entry that is known to be right. */
export class ChainCheck {
  #head: Head;
  #line = 0;

  constructor(behind: Head = NO_ENTRIES) {
    this.#head = behind;
  }

  get head(): Head {
    return this.#head;
  }

  /** Returns the entry of the next line, or how it breaks the chain. */
  next(line: string): AuditEntry | Break {
    this.#line++;
    const broken = (problem: string): Break => ({ line: this.#line, problem });
    let entry: AuditEntry;
    try {
      entry = readLine(line);
    } catch (error) {
      return broken(`it cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
    const { n, hash } = this.#head;
    if (entry.n !== n + 1) return broken(`entry ${entry.n} stands where entry ${n + 1} belongs`);
    if (entry.prev !== hash) return broken(`entry ${entry.n} does not follow the entry before it`);
    if (entry.hash !== hashOf(entry.prev, factOf(entry))) return broken(`entry ${entry.n} was changed`);
    this.#head = { n: entry.n, hash: entry.hash };
    return entry;
  }
}

/** The whole of it: how far it is right, and where it is not. `known`: a head that the chain must hold, for what is gone from its end leaves no trace in itself. */
export function verifyChain(
  lines: Iterable<string>,
  known: Head = NO_ENTRIES,
): { readonly head: Head; readonly broken?: Break } {
  const check = new ChainCheck();
  let line = 0;
  for (const text of lines) {
    line++;
    const entry = check.next(text);
    if ('problem' in entry) return { head: check.head, broken: entry };
    if (entry.n === known.n && entry.hash !== known.hash) {
      return { head: check.head, broken: { line, problem: `entry ${entry.n} is not the one that was known` } };
    }
  }
  const { head } = check;
  if (head.n >= known.n) return { head };
  const problem = `it ends with entry ${head.n}, and there were ${known.n}: the last ${known.n - head.n} are gone`;
  return { head, broken: { line: line + 1, problem } };
}
