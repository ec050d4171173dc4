import { z } from 'zod';
import { DesiredVersionSchema, DigestSchema, NameSchema } from './desired-state.js';

export const VERSION_STATES = [
  'fetching',
  'verifying',
  'verified',
  'loading',
  'warming',
  'ready',
  'draining',
  'failed',
] as const;
export type VersionState = (typeof VERSION_STATES)[number];

export const ObservedVersionSchema = z.looseObject({
  version: z.int().positive(),
  digest: DigestSchema,
  state: z.enum(VERSION_STATES),
  /** Why it failed, in words that somebody can act on; null otherwise. */
  reason: z.string().nullable(),
  memory_bytes: z.int().nonnegative(),
  failures: z.int().nonnegative().default(0),
  quarantined: z.boolean().default(false),
});
export type ObservedVersion = z.infer<typeof ObservedVersionSchema>;

export const ObservedModelSchema = z.looseObject({
  /** Of the desired state that the node acts on. */
  epoch: z.int().nonnegative(),
  versions: z.array(ObservedVersionSchema),
  /** What requests go to at this moment: may be of an older epoch, while or because the newer one cannot serve. */
  serving: z.array(z.int().positive()),
  /** What keeps the node from acting on a newer epoch at all: its disk does not take it, say. */
  trouble: z.string().nullable().default(null),
});
export type ObservedModel = z.infer<typeof ObservedModelSchema>;

/** What one version on one node had to do lately, a heartbeat's worth of time. */
export const ModelLoadSchema = z.looseObject({
  model: z.string(),
  version: z.int().nonnegative(),
  answered_per_s: z.number().nonnegative(),
  failed_per_s: z.number().nonnegative(),
  /** From the first byte to the answer. */
  mean_us: z.number().nonnegative(),
});
export type ModelLoad = z.infer<typeof ModelLoadSchema>;

/** KV `tg_nodes`, key `<env>.<node>`, with a time to live: a node that does not say that it lives is not there. */
export const NodeStatusSchema = z.looseObject({
  v: z.literal(1),
  node: NameSchema,
  /** Counts starts of the node: a report of an earlier life is older than any of a later one. */
  life: z.int().nonnegative(),
  /** Counts reports within a life: reordered ones are recognised. */
  seq: z.int().nonnegative(),
  at_us: z.int().nonnegative(),
  labels: z.record(z.string(), z.string()),
  memory_bytes: z.int().nonnegative().describe('budget for models'),
  memory_used_bytes: z.int().nonnegative(),
  models: z.record(z.string(), ObservedModelSchema),
  load: z.array(ModelLoadSchema).default([]),
});
export type NodeStatus = z.infer<typeof NodeStatusSchema>;

/** What a node keeps on its own disk for one model: enough to serve the last state that it knew with nobody to ask. */
export const KeptStateSchema = z.looseObject({
  v: z.literal(1),
  epoch: z.int().nonnegative(),
  wanted: z.array(DesiredVersionSchema),
  serving: z.array(DesiredVersionSchema),
});
export type KeptState = z.infer<typeof KeptStateSchema>;

/** Of two reports of one node the later one, whatever order they came in. */
export function isNewer(a: Pick<NodeStatus, 'life' | 'seq'>, b: Pick<NodeStatus, 'life' | 'seq'>): boolean {
  return a.life === b.life ? a.seq > b.seq : a.life > b.life;
}
