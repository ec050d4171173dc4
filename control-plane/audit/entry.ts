import { createHash } from 'node:crypto';
import { z } from 'zod';

/** What the first entry has before it. */
export const GENESIS = '0'.repeat(64);

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** Who did it. */
export const WhoSchema = z.strictObject({ name: z.string(), token: z.string(), role: z.string() });

const common = {
  v: z.literal(1),
  n: z.int().positive(),
  at: z.iso.datetime(),
};

const AskedSchema = z.strictObject({
  ...common,
  kind: z.literal('asked'),
  who: WhoSchema,
  from: z.string(),
  method: z.string(),
  path: z.string(),
  what: z.string(),
});
const AnsweredSchema = z.strictObject({
  ...common,
  kind: z.literal('answered'),
  of: z.int().positive(),
  status: z.int(),
  outcome: z.enum(['done', 'failed', 'refused']),
  /** The code and the text of a failure; the state that a change led to, where it has an ETag. */
  code: z.string().optional(),
  detail: z.string().optional(),
  etag: z.string().optional(),
});
const RefusedSchema = z.strictObject({
  ...common,
  kind: z.literal('refused'),
  who: WhoSchema,
  from: z.string(),
  method: z.string(),
  path: z.string(),
  code: z.string(),
  detail: z.string(),
});
/** What was done beside the API: the first token of a server. */
const NotedSchema = z.strictObject({
  ...common,
  kind: z.literal('noted'),
  who: WhoSchema,
  from: z.string(),
  what: z.string(),
});

/**
 * `asked` is written before a change is made and `answered` behind it, so that a change is never there without its entry: an `asked` that nothing
 * answers is one whose control plane died meanwhile. `refused`: somebody was not let in.
 */
export const FactSchema = z.discriminatedUnion('kind', [AskedSchema, AnsweredSchema, RefusedSchema, NotedSchema]);
export type Fact = z.infer<typeof FactSchema>;

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** What a caller of the log says; number and time are the log's. */
export type NewFact = Without<Fact, 'v' | 'n' | 'at'>;

const link = { prev: hash, hash };
const LinkSchema = z.strictObject(link);
export type Link = z.infer<typeof LinkSchema>;
export type AuditEntry = Fact & Link;

/** A page as the API answers it. */
export const AuditPageSchema = z.object({
  items: z.array(
    z.discriminatedUnion('kind', [
      AskedSchema.extend(link),
      AnsweredSchema.extend(link),
      RefusedSchema.extend(link),
      NotedSchema.extend(link),
    ]),
  ),
  next_cursor: z.string().nullable(),
});

/** One text for one value: members sorted by name at every depth, no spaces. */
export function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const sorted = members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

/** SHA-256 over the hash of the entry before and the canonical text of this one. */
export function hashOf(prev: string, fact: Fact): string {
  return createHash('sha256')
    .update(`${prev}\n${canonical(fact)}`)
    .digest('hex');
}

/** An entry as its line in the file. */
export function lineOf(fact: Fact, prev: string): { readonly entry: AuditEntry; readonly line: string } {
  const entry = { ...fact, prev, hash: hashOf(prev, fact) };
  return { entry, line: canonical(entry) };
}

/** Reads a line without judging its place in the chain. Throws an Error that says what is wrong with it. */
export function readLine(line: string): AuditEntry {
  const members = z.record(z.string(), z.unknown()).parse(JSON.parse(line));
  const { prev, hash: own, ...rest } = members;
  const entry = { ...FactSchema.parse(rest), ...LinkSchema.parse({ prev, hash: own }) };
  // Spaces, an order of its own or a member given twice would be read as the same entry: only the one text is it.
  if (canonical(entry) !== line) throw new Error('it is not written as the log writes');
  return entry;
}

export function factOf(entry: AuditEntry): Fact {
  const { prev: _prev, hash: _hash, ...fact } = entry;
  return fact;
}
