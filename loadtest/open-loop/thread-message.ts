import { z } from 'zod';
import type { TallyData } from './tally.js';

const count = z.number().int().nonnegative();
export const HistogramSchema = z.object({
  buckets: z.array(z.tuple([count, count])),
  sum_us: z.number().nonnegative(),
  max_us: z.number().nonnegative(),
});
export const TallySchema = z.object({
  ok: HistogramSchema,
  refused: HistogramSchema,
  lateness: HistogramSchema,
  failed: count,
  dropped: count,
  unanswered: count,
});
export const PhaseSchema = z.object({
  name: z.string(),
  duration_ms: z.number().positive(),
  from_per_s: z.number().nonnegative(),
  to_per_s: z.number().nonnegative(),
});
const RequestSchema = z.object({
  model: z.string(),
  weight: z.number().positive(),
  members: z.string(),
  tensors: z.instanceof(Uint8Array),
});

/** What a thread gets when it is made. */
export const ThreadOrderSchema = z.object({
  thread: count,
  plan: z.object({
    face: z.enum(['http', 'websocket']),
    host: z.string(),
    port: count,
    phases: z.array(PhaseSchema).min(1),
    arrivals: z.enum(['poisson', 'constant']),
    seed: count,
    threads: z.number().int().positive(),
    requests: z.array(RequestSchema).min(1),
    connections: z.number().int().positive(),
    max_waiting: count,
    drain_ms: z.number().nonnegative(),
    window_ms: z.number().positive(),
    answers_per_connection: count,
  }),
});

export const ThreadStartSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('start'), starts_ms: z.number() }),
  z.object({ type: z.literal('stop') }),
]);

const CountsSchema = z.object({ ok: count, refused: count, failed: count, pending: count });
export type Counts = z.infer<typeof CountsSchema>;

export const FromThreadSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('progress'), counts: CountsSchema }),
  z.object({ type: z.literal('done'), phases: z.array(TallySchema), windows: z.array(TallySchema) }),
  z.object({ type: z.literal('failed'), reason: z.string() }),
]);
export type FromThread =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly counts: Counts }
  | { readonly type: 'done'; readonly phases: readonly TallyData[]; readonly windows: readonly TallyData[] }
  | { readonly type: 'failed'; readonly reason: string };
