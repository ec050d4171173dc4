import { z } from 'zod';
import { DATATYPES, isDatatype } from '../../../contract/datatype.js';

/** What crosses between a worker thread and its GPU process: one request, one answer, in turn. */

const TensorSchema = z.object({
  name: z.string(),
  datatype: z.string().refine(isDatatype, { error: `one of ${DATATYPES.join(', ')}` }),
  shape: z.array(z.int()),
  data: z.union([z.instanceof(Uint8Array), z.array(z.string())]),
});

export const GpuAnswerSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('loaded') }),
  z.object({ type: z.literal('results'), tensors: z.array(TensorSchema) }),
  z.object({ type: z.literal('failed'), reason: z.string() }),
]);

export type GpuAnswer = z.infer<typeof GpuAnswerSchema>;
