import { z } from 'zod';
import { SignatureRecordSchema } from './registry-record.js';

/** What a directory turned out to be when it was loaded and run once: `tidegate check --json`. */
export const VersionReportSchema = z.looseObject({
  signature: SignatureRecordSchema,
  platform: z.string(),
  memory_bytes: z.int().nonnegative(),
  max_batch: z.int().nonnegative(),
  load_ms: z.number().nonnegative(),
  warmup_ms: z.number().nonnegative(),
  device: z.string(),
});
export type VersionReport = z.infer<typeof VersionReportSchema>;
