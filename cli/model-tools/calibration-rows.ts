import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { DATATYPE_BYTES, DATATYPES, type Datatype, isDatatype } from '../../contract/datatype.js';
import type { BackendTensor } from '../../runtime/worker/backend/backend.js';
import { toHalf } from '../../runtime/worker/backend/half-float.js';
import { CommandError, EXIT } from '../exit.js';

interface Nested extends ReadonlyArray<number | boolean | Nested> {}
const NestedSchema: z.ZodType<Nested> = z.lazy(() => z.array(z.union([z.number(), z.boolean(), NestedSchema])));
const RequestSchema = z.looseObject({
  inputs: z
    .array(
      z.looseObject({
        name: z.string(),
        datatype: z.string().refine(isDatatype, { error: `one of ${DATATYPES.join(', ')}` }),
        shape: z.array(z.int().nonnegative()),
        data: NestedSchema,
      }),
    )
    .min(1),
});

/** Requests as they are sent, one a line: `{"inputs": [{"name": …, "datatype": …, "shape": …, "data": …}]}`. */
export async function readCalibrationRows(file: string): Promise<BackendTensor[][]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new CommandError(
      EXIT.USAGE,
      `'${file}' cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  const lines = text.split('\n').map((line, index) => [line.trim(), index + 1] as const);
  const runs = lines.filter(([line]) => line !== '').map(([line, number]) => tensorsOf(line, `${file}:${number}`));
  if (runs.length === 0) throw new CommandError(EXIT.USAGE, `'${file}' holds no request`);
  return runs;
}

function tensorsOf(line: string, place: string): BackendTensor[] {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new CommandError(
      EXIT.USAGE,
      `${place} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  const request = RequestSchema.safeParse(value);
  if (!request.success) throw new CommandError(EXIT.USAGE, `${place} is no request: ${z.prettifyError(request.error)}`);
  return request.data.inputs.map(({ name, datatype, shape, data }) => {
    const values = flattened(data);
    const elements = shape.reduce((product, dim) => product * dim, 1);
    if (values.length !== elements)
      throw new CommandError(
        EXIT.USAGE,
        `${place}: input '${name}' has ${values.length} values, its shape takes ${elements}`,
      );
    return { name, datatype, shape, data: bytesOf(values, datatype, `${place}: input '${name}'`) };
  });
}

function flattened(nested: Nested): number[] {
  return nested.flatMap((each) => (typeof each === 'object' ? flattened(each) : [Number(each)]));
}

function bytesOf(values: readonly number[], datatype: Datatype, place: string): Uint8Array {
  const width = DATATYPE_BYTES[datatype];
  if (width === 0 || datatype === 'BF16')
    throw new CommandError(EXIT.USAGE, `${place} is ${datatype}, which is not calibrated`);
  const view = new DataView(new ArrayBuffer(values.length * width));
  for (const [index, value] of values.entries()) write(view, index * width, datatype, value);
  return new Uint8Array(view.buffer);
}

function write(view: DataView, at: number, datatype: Datatype, value: number): void {
  const little = true;
  if (datatype === 'FP32') view.setFloat32(at, value, little);
  else if (datatype === 'FP64') view.setFloat64(at, value, little);
  else if (datatype === 'FP16') view.setUint16(at, toHalf(value), little);
  else if (DATATYPE_BYTES[datatype] === 8) view.setBigInt64(at, BigInt(Math.trunc(value)), little);
  else if (DATATYPE_BYTES[datatype] === 4) view.setInt32(at, value, little);
  else if (DATATYPE_BYTES[datatype] === 2) view.setInt16(at, value, little);
  else view.setInt8(at, value);
}
