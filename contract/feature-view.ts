import { z } from 'zod';
import { NameSchema } from './desired-state.js';

const UNIT_US: Readonly<Record<string, number>> = { ms: 1e3, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 };

/** `500ms`, `90s`, `5m`, `24h`, `7d`, as microseconds. */
const span = z
  .string()
  .regex(/^[1-9]\d*(ms|s|m|h|d)$/, 'give a span like 500ms, 90s, 5m, 24h or 7d')
  .transform((text) => {
    const unit = /[a-z]+$/.exec(text)?.[0] ?? '';
    return Number(text.slice(0, -unit.length)) * UNIT_US[unit];
  });

/** Names of features and entities: what a column of a table may be called. */
const FieldNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'give letters, digits and underscores, 128 at most');

const TYPE = /^(float32|float64|int32|int64|bool|timestamp|category|string|vector\[[1-9]\d{0,4}\])$/;

const FeatureSchema = z.strictObject({
  name: FieldNameSchema,
  type: z
    .string()
    .regex(TYPE, 'give float32, float64, int32, int64, bool, timestamp, category, string or vector[n]')
    .describe('a timestamp is microseconds since 1970, a category one of a set that stays small'),
  ttl: span.optional().describe('how long its values may be served; default: that of the view'),
  default: z
    .union([z.number(), z.boolean(), z.string(), z.array(z.number())])
    .optional()
    .describe('what is served where there is no value, or none that is young enough'),
  description: z.string().optional(),
});

/** Features of one kind of entity that come from one source: spec of a file of kind FeatureView. */
export const FeatureViewSpecSchema = z
  .strictObject({
    version: z
      .int()
      .positive()
      .default(1)
      .describe('another type of a feature, or another entity, needs another version'),
    entities: z.array(FieldNameSchema).min(1).max(8).describe('parts of the key, in this order'),
    features: z.array(FeatureSchema).min(1).max(255),
    ttl: span.optional().describe('how long after its event a value may be served; default: for ever'),
    owner: z.string().optional(),
    description: z.string().optional(),
    tags: z.array(z.string().min(1)).default([]),
  })
  .superRefine(({ entities, features }, context) => {
    const seen = new Set<string>();
    for (const name of [...entities, ...features.map((feature) => feature.name)]) {
      if (seen.has(name)) context.addIssue({ code: 'custom', message: `'${name}' is named twice` });
      seen.add(name);
    }
  });
export type FeatureViewSpec = z.infer<typeof FeatureViewSpecSchema>;

const MetadataSchema = z.strictObject({
  name: NameSchema,
  labels: z.record(z.string(), z.string()).default({}),
  environment: NameSchema.optional(),
});

export const FeatureViewFileSchema = z.strictObject({
  apiVersion: z.literal('tidegate/v1'),
  kind: z.literal('FeatureView'),
  metadata: MetadataSchema,
  spec: FeatureViewSpecSchema,
});

/** A named set of features, `view.feature` or `view.*`, for those who ask for the same ones again and again. */
export const FeatureServiceFileSchema = z.strictObject({
  apiVersion: z.literal('tidegate/v1'),
  kind: z.literal('FeatureService'),
  metadata: MetadataSchema,
  spec: z.strictObject({
    features: z
      .array(
        z
          .string()
          .regex(
            /^[a-z0-9][a-z0-9._-]{0,62}\.([A-Za-z_][A-Za-z0-9_]*|\*)$/,
            "give view.feature, or view.* for all of a view's",
          ),
      )
      .min(1),
    description: z.string().optional(),
    owner: z.string().optional(),
  }),
});
