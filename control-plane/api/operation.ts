import { z } from 'zod';

export const OPERATION_STATES = ['running', 'done', 'failed', 'cancelled'] as const;

/** Long work, as it is watched. */
export const OperationSchema = z.strictObject({
  id: z.string().regex(/^op-\d{15}-[0-9a-f]{8}$/),
  what: z.string(),
  /** What it works on: `/v1/models/flights/references`. */
  path: z.string(),
  by: z.string(),
  state: z.enum(OPERATION_STATES),
  /** Somebody asked it to stop, and it has not stopped yet. */
  is_cancelling: z.boolean(),
  /** From 0 to 1; null where the work cannot tell. */
  progress: z.number().min(0).max(1).nullable(),
  message: z.string(),
  created_at: z.iso.datetime(),
  ended_at: z.iso.datetime().nullable(),
  /** What it would have been answered with; null while it runs. */
  result: z.unknown(),
  problem: z.looseObject({ code: z.string(), detail: z.string() }).nullable(),
});
export type Operation = z.infer<typeof OperationSchema>;

/** What work may say and hear while it runs. */
export interface Work {
  /** It should stop as soon as it can, without leaving anything half done. */
  readonly signal: AbortSignal;
  progress(part: number | null, message: string): void;
}
