import { z } from 'zod';
import { DATATYPES, isDatatype } from '../../contract/datatype.js';
import type { BackendTensor } from '../../runtime/worker/backend/backend.js';

/** A tensor as the scripts in Python write and read it. */
export const TensorDocumentSchema = z
  .strictObject({
    name: z.string(),
    datatype: z.string().refine(isDatatype, { error: `one of ${DATATYPES.join(', ')}` }),
    shape: z.array(z.int().nonnegative()),
    data: z.base64(),
  })
  .transform(
    ({ data, ...tensor }): BackendTensor => ({ ...tensor, data: new Uint8Array(Buffer.from(data, 'base64')) }),
  );

export function tensorDocument({ name, datatype, shape, data }: BackendTensor): object {
  if (!(data instanceof Uint8Array)) throw new TypeError(`'${name}' is text, which is not calibrated`);
  return { name, datatype, shape, data: Buffer.from(data).toString('base64') };
}
