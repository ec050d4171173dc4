import { z } from 'zod';
import { NameSchema } from './desired-state.js';

const BoundSchema = z
  .strictObject({ least: z.number().optional(), most: z.number().optional() })
  .refine(({ least, most }) => least !== undefined || most !== undefined, "give 'least', 'most' or both");

/** What a version must have before it may be deployed in an environment: body of PUT /v1/environments/{env}, and spec of a file of kind Environment. */
export const EnvironmentSchema = z.strictObject({
  requires: z
    .strictObject({
      environments: z.array(NameSchema).default([]).describe('that it was let into before'),
      signed: z.boolean().default(false).describe('that somebody signed it'),
      metrics: z.record(z.string(), BoundSchema).default({}).describe('its own metrics, each within these bounds'),
      labels: z.record(z.string(), z.string()).default({}).describe('that it carries'),
      compatible: z.boolean().default(false).describe('that it breaks no caller of the champion'),
    })
    .prefault({}),
});
export type Environment = z.infer<typeof EnvironmentSchema>;

/** KV `tg_registry`, key `environments.<env>`. */
export const EnvironmentRecordSchema = z.looseObject({ v: z.literal(1), ...EnvironmentSchema.shape });
