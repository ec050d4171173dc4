import { z } from 'zod';

/** `90s`, `5m`, `24h`, `7d`, as milliseconds. */
const span = z
  .string()
  .regex(/^[1-9]\d*(s|m|h|d)$/, 'give a span like 90s, 5m, 24h or 7d')
  .transform((text) => Number(text.slice(0, -1)) * UNIT_MS[text.slice(-1)]);

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'give small letters, digits, dots, dashes and underscores, 63 at most');

/** What is watched: exactly one of these. Each gives one number, or that there is not enough to tell. */
const WatchSchema = z
  .strictObject({
    drift: z
      .strictObject({ features: z.array(z.string().min(1)).min(1).optional() })
      .optional()
      .describe('share of the columns (or of these) whose distribution has drifted from the reference'),
    feature: z
      .strictObject({ name: z.string().min(1), measure: z.string().min(1).default('jensenShannon') })
      .optional()
      .describe(
        'one measure of one feature, @score or @class: psi, jensenShannon, wassersteinNormed, nullRate, rangeRate, unseenRate, …',
      ),
    performance: z.string().min(1).optional().describe('a metric of labelled predictions: auroc, accuracy, rmse, …'),
    estimated: z.string().min(1).optional().describe('a metric as it is estimated before labels come'),
    errors: z
      .literal(true)
      .optional()
      .describe('share of the requests that were refused or failed; they must be logged (log.failures)'),
    latency_ms: z.number().min(0).max(1).optional().describe('quantile of the time from the first byte to the answer'),
    throughput: z.literal(true).optional().describe('logged rows a second'),
  })
  .refine(
    (watch) => Object.values(watch).filter((each) => each !== undefined).length === 1,
    'name exactly one thing to watch',
  );

const RuleSchema = z
  .strictObject({
    above: z.number().optional().describe('bad from here on'),
    below: z.number().optional().describe('bad down from here'),
    clear: z.number().optional().describe('good again only beyond this, on the other side; default: the limit itself'),
  })
  .refine(({ above, below }) => (above === undefined) !== (below === undefined), "give one of 'above' and 'below'")
  .refine(
    ({ above, below, clear }) =>
      clear === undefined || (above !== undefined && clear <= above) || (below !== undefined && clear >= below),
    "'clear' lies on the good side of the limit",
  );

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const MonitorSpecSchema = z.strictObject({
  model: z.string().min(1),
  version: z.int().positive().optional(),
  variant: z.enum(['champion', 'shadow', 'canary']).optional(),
  node: z.string().min(1).optional(),
  segment: z
    .string()
    .regex(/^[^=]+=/, 'give name=value')
    .optional(),
  watch: WatchSchema,
  rule: RuleSchema,
  every: span.default(300_000).describe('how often it is looked at'),
  window: span.default(3_600_000).describe('how far back'),
  delay: span
    .or(z.literal('0s').transform(() => 0))
    .default(0)
    .describe('the window ends so long ago: labels come later'),
  reference: z
    .union([z.enum(['newest', 'previous', 'same-hour-last-week']), z.int().positive()])
    .default('newest')
    .describe('what drift is measured against'),
  min_samples: z.int().nonnegative().default(100),
  no_data: z
    .enum(['keep', 'fire', 'clear'])
    .default('keep')
    .describe('what too little data means: nothing, bad, or good. Also where it cannot be evaluated'),
  for: z.int().positive().default(1).describe('bad so many times in a row before it fires'),
  clear_after: z.int().positive().default(1).describe('good so many times in a row before it is resolved'),
  cool_down: span
    .or(z.literal('0s').transform(() => 0))
    .default(0)
    .describe('does not fire again so soon after it was resolved'),
  severity: z.enum(SEVERITIES).default('warning'),
});
export type MonitorSpec = z.infer<typeof MonitorSpecSchema>;

const HttpUrl = z.url({ protocol: /^https?$/ });

const secret = z.string().min(1).describe('env:NAME takes it from the environment');
const timeout = span.default(10_000);

const WebhookSchema = z.strictObject({
  url: HttpUrl,
  format: z.enum(['tidegate', 'slack', 'alertmanager']).default('tidegate'),
  secret: secret
    .optional()
    .describe('signs what is sent, 16 characters at least; env:NAME takes it from the environment'),
  timeout,
});

const EmailSchema = z.strictObject({
  to: z.array(z.email()).min(1),
  from: z.email(),
  smtp: z.strictObject({
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).default(587),
    encryption: z
      .enum(['starttls', 'tls', 'none'])
      .default('starttls')
      .describe('starttls: no mail goes without it; tls: from the first byte, mostly on port 465'),
    user: z.string().min(1).optional(),
    password: secret.optional(),
  }),
  timeout,
});

export const AlertRouteSpecSchema = z
  .strictObject({
    severity: z.enum(SEVERITIES).default('info').describe('alerts of this severity and above'),
    models: z.array(z.string().min(1)).optional().describe('of these models only'),
    labels: z.record(z.string(), z.string()).default({}).describe('of monitors with these labels only'),
    group_wait: span.default(5000).describe('what happens within this is told together'),
    webhook: WebhookSchema.optional(),
    email: EmailSchema.optional(),
  })
  .refine(
    ({ webhook, email }) => (webhook === undefined) !== (email === undefined),
    "give one of 'webhook' and 'email'",
  );
export type Webhook = z.infer<typeof WebhookSchema>;
export type Email = z.infer<typeof EmailSchema>;
export type AlertRouteSpec = z.infer<typeof AlertRouteSpecSchema>;

const metadata = z.strictObject({ name, labels: z.record(z.string(), z.string()).default({}) });
const apiVersion = z.literal('tidegate/v1');

export const MonitorFileSchema = z.strictObject({
  apiVersion,
  kind: z.literal('Monitor'),
  metadata,
  spec: MonitorSpecSchema,
});
export const AlertRouteFileSchema = z.strictObject({
  apiVersion,
  kind: z.literal('AlertRoute'),
  metadata,
  spec: AlertRouteSpecSchema,
});
export type Monitor = z.infer<typeof MonitorFileSchema>;
export type AlertRoute = z.infer<typeof AlertRouteFileSchema>;
