import { z } from 'zod';
import { randomRequest } from '../../cli/sample-request.js';
import { TidegateError } from '../../contract/error.js';
import { seededRandom } from '../../examples/learning/random.js';
import type { LoadRequest } from '../open-loop/load-plan.js';
import type { Traffic } from './scenario.js';

const MetadataSchema = z.looseObject({
  inputs: z.array(z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number()) })).min(1),
});
export type ModelInputs = z.infer<typeof MetadataSchema>['inputs'];

/** What the model takes, asked of the server itself. */
export async function inputsOf(url: string, model: string): Promise<ModelInputs> {
  const response = await answerTo(new URL(`/v2/models/${encodeURIComponent(model)}`, url));
  if (!response.ok) {
    throw new TidegateError(
      'MODEL_NOT_FOUND',
      `${url} has no model '${model}' (status ${response.status}): name one with --model`,
    );
  }
  const metadata = MetadataSchema.safeParse(await response.json());
  if (!metadata.success) {
    throw new TidegateError(
      'INVALID_REQUEST',
      `${url} does not describe '${model}' as the Open Inference Protocol says`,
    );
  }
  return metadata.data.inputs;
}

async function answerTo(url: URL): Promise<Response> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(10_000) });
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    const message = `no server answers at ${url.origin}: ${reason}; start one (tidegate runtime) or name another with --url`;
    throw new TidegateError('NOT_FOUND', message, { cause });
  }
}

/** A request with seeded random values; the first dimension is the number of rows where the model leaves it open. */
export function requestFor(model: string, inputs: ModelInputs, traffic: Traffic, weight: number): LoadRequest {
  const rows = inputs.map(({ shape, ...input }) => ({
    ...input,
    shape: shape.map((dim, at) => (at === 0 && dim < 0 ? traffic.rows : dim)),
  }));
  const { inputs: filled } = randomRequest(rows, seededRandom(traffic.rows));
  if (traffic.form === 'json') {
    return { model, weight, members: `"inputs":${JSON.stringify(filled)}`, tensors: new Uint8Array(0) };
  }
  const tensors = filled.map(({ name, datatype, data }) => {
    if (datatype !== 'FP32') {
      throw new TidegateError(
        'UNSUPPORTED',
        `the input '${name}' of '${model}' is ${datatype}: binary loads are made for FP32 only`,
      );
    }
    return new Uint8Array(Float32Array.from(data, Number).buffer);
  });
  const announced = filled.map(({ name, datatype, shape }, at) => ({
    name,
    datatype,
    shape,
    parameters: { binary_data_size: tensors[at].length },
  }));
  return {
    model,
    weight,
    members: `"inputs":${JSON.stringify(announced)},"parameters":{"binary_data_output":true}`,
    tensors: Buffer.concat(tensors),
  };
}
