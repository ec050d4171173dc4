import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { Journal } from '../../std/journal.js';
import { type TokenRecord, TokenRecordSchema } from './token.js';
import type { ListedToken, TokenStore } from './token-store.js';

/** A use is written at most this often for a token: it is to find tokens that nobody needs, not to count requests. */
const USE_EVERY_MS = 60_000;

const EntrySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('created'), v: z.literal(1), token: TokenRecordSchema }),
  z.strictObject({
    kind: z.literal('revoked'),
    v: z.literal(1),
    id: z.string(),
    at: z.iso.datetime(),
    by: z.string(),
  }),
  z.strictObject({ kind: z.literal('used'), v: z.literal(1), id: z.string(), at: z.iso.datetime() }),
]);
type Entry = z.infer<typeof EntrySchema>;

/** Tokens of one machine, in a journal of its own. */
export class TokenJournal implements TokenStore {
  readonly #tokens = new Map<string, TokenRecord>();
  readonly #uses = new Map<string, number>();
  readonly #journal: Journal;

  /** Throws INVALID_CONFIG for a file that somebody damaged: a token that was revoked must not come back to life by it. */
  constructor(path: string) {
    let line = 0;
    this.#journal = Journal.open(path, (text) => {
      line++;
      const entry = entryOf(text);
      if (entry === undefined) {
        throw new TidegateError(
          'INVALID_CONFIG',
          `line ${line} of ${path} cannot be read: restore the file from a copy, or move it away and make new tokens`,
        );
      }
      this.#apply(entry);
    });
    this.#compact();
  }

  find(id: string): Promise<TokenRecord | undefined> {
    return Promise.resolve(this.#tokens.get(id));
  }

  list(): Promise<readonly ListedToken[]> {
    const listed = [...this.#tokens.values()].map((record) => {
      const used_ms = this.#uses.get(record.id);
      return { ...record, last_used_at: used_ms === undefined ? null : new Date(used_ms).toISOString() };
    });
    return Promise.resolve(listed);
  }

  async add(token: TokenRecord): Promise<void> {
    this.#write({ kind: 'created', v: 1, token });
  }

  async revoke(id: string, by: string, now_ms: number): Promise<TokenRecord> {
    const known = this.#tokens.get(id);
    if (known === undefined) throw noToken(id);
    if (known.revoked_at !== null) return known;
    this.#write({ kind: 'revoked', v: 1, id, by, at: new Date(now_ms).toISOString() });
    return this.#tokens.get(id) ?? known;
  }

  used(id: string, now_ms: number): void {
    if (now_ms - (this.#uses.get(id) ?? Number.NEGATIVE_INFINITY) < USE_EVERY_MS) return;
    this.#write({ kind: 'used', v: 1, id, at: new Date(now_ms).toISOString() });
  }

  async close(): Promise<void> {
    this.#journal.close();
  }

  #write(entry: Entry): void {
    this.#journal.append(JSON.stringify(entry));
    this.#apply(entry);
  }

  #apply(entry: Entry): void {
    if (entry.kind === 'created') {
      this.#tokens.set(entry.token.id, entry.token);
    } else if (entry.kind === 'used') {
      this.#uses.set(entry.id, Date.parse(entry.at));
    } else {
      const known = this.#tokens.get(entry.id);
      if (known !== undefined) this.#tokens.set(entry.id, { ...known, revoked_at: entry.at, revoked_by: entry.by });
    }
  }

  /** Uses of a year need not be read at every start. */
  #compact(): void {
    const lines = [...this.#tokens.values()].flatMap((token) => {
      const used_ms = this.#uses.get(token.id);
      const entries: Entry[] = [{ kind: 'created', v: 1, token }];
      if (used_ms !== undefined)
        entries.push({ kind: 'used', v: 1, id: token.id, at: new Date(used_ms).toISOString() });
      return entries.map((entry) => JSON.stringify(entry));
    });
    const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    if (this.#journal.size_bytes > 2 * bytes) this.#journal.replace(lines);
  }
}

export function noToken(id: string): TidegateError {
  return new TidegateError('NOT_FOUND', `there is no token '${id}': see tidegate token list`);
}

function entryOf(text: string): Entry | undefined {
  try {
    return EntrySchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
