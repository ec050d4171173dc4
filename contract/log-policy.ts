import { z } from 'zod';

const names = z.array(z.string().min(1)).default([]);

const FromRequestSchema = z.union([
  z
    .strictObject({ parameter: z.string().min(1) })
    .describe("a parameter of the request's own: one value for all its rows"),
  z.strictObject({ input: z.string().min(1) }).describe('an input or a feature: one value for each row'),
]);

/** `log` of a manifest: what the prediction log keeps of the model's requests. Names that the model does not have are errors at load. */
export const LogPolicySchema = z.strictObject({
  predictions: z
    .union([z.enum(['all', 'none']), z.number().min(0).max(1)])
    .default('all')
    .describe('which answered requests are logged: all, none, or a share of them, chosen by their ids'),
  failures: z
    .boolean()
    .default(false)
    .describe('log refused, failed and cancelled requests too, with their error codes'),
  features: z
    .record(z.string(), z.array(z.string().min(1)).min(1))
    .default({})
    .describe('names of the elements of an input; default: its own name, with [0], [1], … where it has several'),
  categorical: names.describe(
    'whole-number features that are categories; names of inputs stand for all their elements',
  ),
  redact: names.describe('features or inputs whose values are left out'),
  hash: names.describe('features or inputs, or @entity_key, of which a keyed hash is kept: equal values stay equal'),
  max_input_bytes: z.int().nonnegative().default(1024).describe('rows with larger inputs are kept as a sha256 digest'),
  score: z
    .strictObject({ output: z.string().min(1), index: z.int().nonnegative().default(0) })
    .optional()
    .describe('element that is the score; default: by the outputs'),
  class: z
    .strictObject({ output: z.string().min(1) })
    .optional()
    .describe('output that tells the class; default: by the outputs'),
  positive_class: z
    .string()
    .min(1)
    .optional()
    .describe('class whose probability is the score; default: the last of two'),
  entity_key: FromRequestSchema.optional().describe('whom a row is about: labels and features are joined by it'),
  segments: z
    .record(z.string().min(1), FromRequestSchema)
    .default({})
    .describe('named groups that drift and performance are cut by'),
});

export type LogPolicy = z.infer<typeof LogPolicySchema>;
export type FromRequest = z.infer<typeof FromRequestSchema>;

/** In `hash`: the entity key itself. */
export const ENTITY_KEY = '@entity_key';
