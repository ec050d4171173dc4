import { z } from 'zod';
import { DATATYPES } from './datatype.js';
import { DigestSchema, NameSchema } from './desired-state.js';

const moment = z.iso.datetime();

export const TensorRecordSchema = z.looseObject({
  name: z.string(),
  datatype: z.enum(DATATYPES),
  /** −1: any size. */
  shape: z.array(z.int()),
});
export type TensorRecord = z.infer<typeof TensorRecordSchema>;

export const SignatureRecordSchema = z.looseObject({
  inputs: z.array(TensorRecordSchema),
  outputs: z.array(TensorRecordSchema),
});
export type SignatureRecord = z.infer<typeof SignatureRecordSchema>;

const labels = z.record(z.string().min(1).max(63), z.string().max(255)).default({});

/** Where a version comes from: whatever of it is known. */
export const LineageSchema = z.looseObject({
  data: z.string().optional().describe('digest or name of the data set'),
  code: z.string().optional().describe('commit or address of the code'),
  run: z.string().optional().describe('run of a pipeline'),
  parent: z.int().positive().optional().describe('version that it is based on'),
});

/** One version. Nothing of it ever changes but where it has been promoted to. */
export const VersionRecordSchema = z.looseObject({
  version: z.int().positive(),
  digest: DigestSchema,
  bytes: z.int().nonnegative().describe('of all its files'),
  memory_bytes: z.int().nonnegative().describe('that it needs on a node with one worker thread'),
  created_at: moment,
  created_by: z.string(),
  description: z.string().default(''),
  labels,
  signature: SignatureRecordSchema,
  signed: z.boolean().default(false),
  metrics: z.record(z.string(), z.number()).default({}),
  lineage: LineageSchema.default({}),
  platform: z.string().default(''),
  /** Environments that it may be deployed in, and who let it in. */
  environments: z.record(NameSchema, z.looseObject({ at: moment, by: z.string() })).default({}),
});
export type VersionRecord = z.infer<typeof VersionRecordSchema>;

/**
 * KV `tg_registry`, key `models.<model>`: everything that is known of a model. One value, so that numbering, aliases and what they point to change together
 * or not at all.
 */
export const ModelRecordSchema = z.looseObject({
  v: z.literal(1),
  model: NameSchema,
  description: z.string().default(''),
  labels,
  created_at: moment,
  versions: z.array(VersionRecordSchema),
  aliases: z.record(NameSchema, z.int().positive()).default({}),
});
export type ModelRecord = z.infer<typeof ModelRecordSchema>;
