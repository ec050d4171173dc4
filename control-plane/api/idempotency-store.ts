import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { Journal } from '../../std/journal.js';
import { keptLine } from './kept-line.js';

/** How long an answer is remembered: longer than anybody tries again. */
const KEPT_MS = 24 * 3_600_000;
const MOST_KEYS = 100_000;
const LOST = 'which requests of the last day were answered already';

const common = { v: z.literal(1), key: z.string(), at_ms: z.int() };
const AnswerSchema = z.strictObject({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
});
export type KeptAnswer = z.infer<typeof AnswerSchema>;

const EntrySchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...common, kind: z.literal('begun'), request: z.string() }),
  z.strictObject({ ...common, kind: z.literal('answered'), request: z.string(), answer: AnswerSchema }),
  z.strictObject({ ...common, kind: z.literal('dropped') }),
]);
type Entry = z.infer<typeof EntrySchema>;
type Known = Extract<Entry, { readonly request: string }>;

/** What became of requests that came with a key; it outlives the process. */
export class IdempotencyStore {
  readonly #known = new Map<string, Known>();
  readonly #journal: Journal;

  constructor(path: string, now_ms: number) {
    this.#journal = Journal.open(path, (line) => this.#apply(keptLine(EntrySchema, line, path, LOST)));
    this.#forget(now_ms);
    this.#journal.replace([...this.#known.values()].map((entry) => JSON.stringify(entry)));
  }

  find(key: string, now_ms: number): Known | undefined {
    const known = this.#known.get(key);
    return known === undefined || known.at_ms + KEPT_MS < now_ms ? undefined : known;
  }

  /** Written before the work: a key that a crash left behind says that the work may have been done. Throws STORE_UNAVAILABLE where no room is left. */
  begin(key: string, request: string, now_ms: number): void {
    if (this.#known.size >= MOST_KEYS) this.#forget(now_ms);
    if (this.#known.size >= MOST_KEYS) {
      throw new TidegateError(
        'STORE_UNAVAILABLE',
        `${MOST_KEYS} keys of the last day are remembered, and no more fit: send the request without Idempotency-Key, or later`,
      );
    }
    this.#write({ v: 1, kind: 'begun', key, request, at_ms: now_ms });
  }

  answered(key: string, request: string, answer: KeptAnswer, now_ms: number): void {
    this.#write({ v: 1, kind: 'answered', key, request, answer, at_ms: now_ms });
  }

  /** Nothing was made: the key may come again with another request. */
  drop(key: string, now_ms: number): void {
    this.#write({ v: 1, kind: 'dropped', key, at_ms: now_ms });
  }

  close(): void {
    this.#journal.close();
  }

  #write(entry: Entry): void {
    this.#journal.append(JSON.stringify(entry));
    this.#apply(entry);
  }

  #apply(entry: Entry): void {
    // Put behind all others: the first of the map is the oldest.
    this.#known.delete(entry.key);
    if (entry.kind !== 'dropped') this.#known.set(entry.key, entry);
  }

  #forget(now_ms: number): void {
    for (const [key, { at_ms }] of this.#known) {
      if (at_ms + KEPT_MS >= now_ms) return;
      this.#known.delete(key);
    }
  }
}
