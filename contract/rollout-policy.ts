import { z } from 'zod';
import { NameSchema, SelectorSchema } from './desired-state.js';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A number is milliseconds: what was read from a policy once can be kept, and read again. */
const span = z.union([
  z.int().positive(),
  z
    .string()
    .regex(/^[1-9]\d*(s|m|h|d)$/, 'give a span like 90s, 5m, 24h or 7d')
    .transform((text) => Number(text.slice(0, -1)) * UNIT_MS[text.slice(-1)]),
]);

/** What a metric measures, on both arms: exactly one of these. */
const QuerySchema = z
  .strictObject({
    latency_ms: z.number().gt(0).lt(1).optional().describe('quantile of the time from the first byte to the answer'),
    errors: z.literal(true).optional().describe('share of the requests that were refused or failed'),
    score_distance: z
      .enum(['psi', 'jensenShannon', 'kolmogorovSmirnov'])
      .optional()
      .describe('distance between the scores of the arms'),
    agreement: z
      .strictObject({ within: z.number().nonnegative().default(0) })
      .optional()
      .describe('share of the shadowed pairs whose answers are the same, or differ by no more than this'),
    performance: z.enum(['accuracy', 'auroc']).optional().describe('of the predictions whose labels have come'),
    sql: z
      .string()
      .min(1)
      .max(20_000)
      .optional()
      .describe('one read-only SELECT that gives numerator and denominator for {version:UInt32}'),
  })
  .refine(
    (query) => Object.values(query).filter((each) => each !== undefined).length === 1,
    'name exactly one thing to measure',
  );

/** What makes a measurement good. A limit judges the candidate alone; a test compares it with the champion. */
const RuleSchema = z
  .strictObject({
    above: z.number().optional().describe('bad from here on'),
    below: z.number().optional().describe('bad down from here'),
    test: z
      .strictObject({
        kind: z.enum(['msprt', 'group-sequential']),
        better: z.enum(['higher', 'lower']),
        margin: z.number().nonnegative().default(0).describe('how much worse than the champion is still good'),
        alpha: z.number().gt(0).lt(0.5).default(0.05).describe('how often a candidate that is no worse may be refused'),
        boundary: z.enum(['obrien-fleming', 'pocock']).default('obrien-fleming'),
        mixture_variance: z.number().positive().default(0.0001),
        samples: z
          .int()
          .positive()
          .optional()
          .describe('of the candidate, at the last look; group-sequential plans with it'),
      })
      .refine(({ kind, samples }) => kind === 'msprt' || samples !== undefined, "group-sequential needs 'samples'")
      .optional(),
  })
  .refine(
    ({ above, below, test }) => [above, below, test].filter((each) => each !== undefined).length === 1,
    "give one of 'above', 'below' and 'test'",
  );

const MetricSchema = z.strictObject({
  name: NameSchema,
  query: QuerySchema,
  rule: RuleSchema,
  min_samples: z.int().positive().default(100).describe('of each arm; fewer are no evidence'),
  no_data: z.enum(['pause', 'fail', 'pass']).default('pause').describe('what too little data means'),
  every: span.prefault('1m').describe('how often it is measured'),
  count: z.int().positive().default(1).describe('good so many times, and a blocking analysis is over'),
  failures: z.int().nonnegative().default(0).describe('how many bad measurements are borne'),
  inconclusive: z.int().nonnegative().default(3).describe('how many undecided measurements are borne; then it waits'),
  errors: z.int().nonnegative().default(3).describe('how many measurements in a row may fail to be made'),
});
export type Metric = z.infer<typeof MetricSchema>;

const Nodes = SelectorSchema.prefault({}).describe('labels of the nodes that it is for; none: every node');

/** One step. A wave keeps what it has until a later step names the same nodes. */
const StepSchema = z.union([
  z.strictObject({ shadow: z.strictObject({ nodes: Nodes }) }).describe('it gets copies, and nobody waits for it'),
  z
    .strictObject({ warm: z.strictObject({ nodes: Nodes }) })
    .describe('it is loaded, and reached by its routes only: the green of blue-green'),
  z
    .strictObject({ weight: z.strictObject({ percent: z.number().gt(0).max(100), nodes: Nodes }) })
    .describe('share of the requests; a key stays with its version'),
  z.strictObject({ pause: z.union([z.strictObject({ for: span }), z.strictObject({ until: z.literal('approved') })]) }),
  z.strictObject({
    analysis: z.strictObject({ metrics: z.array(NameSchema).min(1), within: span.prefault('1h') }),
  }),
]);
export type RolloutStep = z.infer<typeof StepSchema>;

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'give a time of day like 09:30');
const WindowSchema = z.strictObject({
  days: z
    .array(z.enum(WEEKDAYS))
    .min(1)
    .default([...WEEKDAYS]),
  from: clock,
  to: clock.describe('before from: it goes over midnight, and belongs to the day that it begins on'),
  time_zone: z.string().default('UTC').refine(isTimeZone, 'give a time zone like Europe/Berlin or UTC'),
});
export type RolloutWindow = z.infer<typeof WindowSchema>;

export const RolloutPolicySchema = z
  .strictObject({
    steps: z.array(StepSchema).min(1),
    metrics: z.array(MetricSchema).default([]),
    background: z.array(NameSchema).default([]).describe('metrics that are judged all the time, pauses included'),
    routes: z.array(NameSchema).default([]).describe('names that force the candidate by the header tidegate-route'),
    windows: z.array(WindowSchema).default([]).describe('when more traffic may be given; none: at any time'),
    warm_within: span.prefault('15m').describe('a step whose nodes are not ready by then is given up'),
  })
  .superRefine(({ steps, metrics, background }, context) => {
    const known = new Set(metrics.map(({ name }) => name));
    if (known.size < metrics.length) context.addIssue({ code: 'custom', message: 'two metrics have the same name' });
    const named = [...background, ...steps.flatMap((step) => ('analysis' in step ? step.analysis.metrics : []))];
    for (const name of named.filter((each) => !known.has(each))) {
      context.addIssue({ code: 'custom', message: `there is no metric '${name}': name one of 'metrics'` });
    }
  });
export type RolloutPolicy = z.infer<typeof RolloutPolicySchema>;

export const RolloutPolicyFileSchema = z.strictObject({
  apiVersion: z.literal('tidegate/v1'),
  kind: z.literal('RolloutPolicy'),
  metadata: z.strictObject({ name: NameSchema, labels: z.record(z.string(), z.string()).default({}) }),
  spec: RolloutPolicySchema,
});

/** From good to bad: an analysis is as good as its worst metric. */
export const ANALYSIS_VERDICTS = ['pass', 'inconclusive', 'error', 'fail'] as const;
export type AnalysisVerdict = (typeof ANALYSIS_VERDICTS)[number];

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
