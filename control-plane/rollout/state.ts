import { z } from 'zod';
import { DigestSchema, NameSchema, PlacementSchema, SelectorSchema } from '../../contract/desired-state.js';
import { RolloutPolicySchema } from '../../contract/rollout-policy.js';

export const ROLLOUT_STATUSES = [
  'pending',
  'progressing',
  'paused',
  'awaiting-approval',
  'promoting',
  'promoted',
  'aborting',
  'rolled-back',
  'failed',
] as const;
export type RolloutStatus = (typeof ROLLOUT_STATUSES)[number];

/** What one wave of nodes gets of the candidate. */
const ShareSchema = z.strictObject({
  nodes: SelectorSchema,
  kind: z.enum(['shadow', 'warm', 'weight']),
  percent: z.number().min(0).max(100),
});
export type Share = z.infer<typeof ShareSchema>;

const CandidateSchema = z.strictObject({
  version: z.int().positive(),
  digest: DigestSchema,
  memory_bytes: z.int().nonnegative(),
});
export type Candidate = z.infer<typeof CandidateSchema>;

const TallySchema = z.strictObject({
  pass: z.int().nonnegative(),
  fail: z.int().nonnegative(),
  inconclusive: z.int().nonnegative(),
  errors_in_a_row: z.int().nonnegative(),
});
export type Tally = z.infer<typeof TallySchema>;
export const NO_TALLY: Tally = { pass: 0, fail: 0, inconclusive: 0, errors_in_a_row: 0 };

/** A write of the desired state that was decided, and of which nobody has said yet that it is done. */
const WriteSchema = z.strictObject({
  op: z.int().positive(),
  /** It counts only over this revision: of somebody else's change nothing is lost. */
  over: z.int().nonnegative(),
  placements: z.array(PlacementSchema),
});
export type PendingWrite = z.infer<typeof WriteSchema>;

/**
 * All that a rollout is: kept before anything of it is done, so that whoever leads next goes on from here. What is under way follows from it; an effect
 * that was lost with its leader is asked for again.
 */
export const RolloutStateSchema = z.strictObject({
  v: z.literal(1),
  name: NameSchema,
  model: z.string().min(1),
  candidate: CandidateSchema,
  policy: RolloutPolicySchema,
  status: z.enum(ROLLOUT_STATUSES),
  /** Index into the steps of the policy. */
  step: z.int().nonnegative(),
  step_since_ms: z.number().nonnegative(),
  /** The candidate is loaded on the nodes of the step first, with no weight; then it gets its share. */
  phase: z.enum(['begin', 'warming', 'sharing', 'holding', 'finishing']),
  shares: z.array(ShareSchema),
  /** What was deployed before: the way back. */
  base: z.array(PlacementSchema),
  /** Of the desired state as this rollout knows it, and what is in it. */
  revision: z.int().nonnegative(),
  epoch: z.int().nonnegative(),
  written: z.array(PlacementSchema),
  write: WriteSchema.nullable(),
  /** Writes that were given up for another before anybody said whether they were done. */
  perhaps: z.array(z.array(PlacementSchema)),
  next_op: z.int().positive(),
  tallies: z.record(z.string(), TallySchema),
  approved_by: z.string().nullable(),
  frozen_by: z.string().nullable(),
  /** Why it waits, goes back or has ended, in words. */
  reason: z.string().nullable(),
});
export type RolloutState = z.infer<typeof RolloutStateSchema>;

export function hasEnded({ status }: Pick<RolloutState, 'status'>): boolean {
  return status === 'promoted' || status === 'rolled-back' || status === 'failed';
}
