import { DATATYPE_BYTES } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { InferRequest, RequestTensor } from '../../contract/inference.js';
import type { Batching, ModelSignature, TensorSpec } from '../../contract/signature.js';
import type { InferTarget } from './infer-request.js';
import { elementCount } from './request-tensors.js';

const LENGTH_BYTES = 4;

/**
 * Reads a raw request: the body is the model's only input, one row of it, and all outputs are wanted in binary. A BYTES input must
 * hold one element, and then the body is that element without a length before it. Throws INVALID_REQUEST, INVALID_BINARY.
 */
export function parseRawRequest(
  body: Uint8Array,
  target: InferTarget,
  signature: ModelSignature,
  batching: Batching,
): InferRequest {
  const spec = signature.inputs[0];
  if (spec === undefined || signature.inputs.length !== 1) {
    throw new TidegateError(
      'INVALID_REQUEST',
      `Raw request must only have 1 input to be deduced but got ${signature.inputs.length} inputs in '${target.model}': send JSON, or the length of the JSON in 'Inference-Header-Content-Length'`,
    );
  }
  const source = spec.datatype === 'BYTES' ? withLength(body) : body;
  return {
    model: target.model,
    version: target.version,
    id: '',
    source,
    inputs: [rawTensor(spec, source, target.model, batching.max_batch > 0)],
    outputs: undefined,
    binary_output: true,
    priority: 0,
    timeout_us: 0,
    sequence_id: '',
    sequence_start: false,
    sequence_end: false,
    custom: undefined,
    traceparent: target.traceparent ?? '',
    key: target.key ?? '',
  };
}

function rawTensor(spec: TensorSpec, source: Uint8Array, model: string, batched: boolean): RequestTensor {
  const shape = rawShape(spec, source.length, model, batched);
  return {
    name: spec.name,
    datatype: spec.datatype,
    shape,
    elements: elementCount(spec.name, shape),
    encoding: 'binary',
    start: 0,
    end: source.length,
  };
}

function rawShape(spec: TensorSpec, bodyBytes: number, model: string, batched: boolean): number[] {
  const shape = [...spec.shape];
  if (batched) shape[0] = 1;
  const width = DATATYPE_BYTES[spec.datatype];
  const variable = shape.indexOf(-1);
  if (variable !== shape.lastIndexOf(-1)) {
    throw new TidegateError(
      'INVALID_REQUEST',
      `the shape of a raw request's input must be deducible, but '${spec.name}' of model '${model}' has several variable dimensions: [${spec.shape.join(',')}]`,
    );
  }
  const others = shape.reduce((product, dimension) => (dimension === -1 ? product : product * dimension), 1);
  if (width === 0) {
    if (others !== 1) {
      throw new TidegateError(
        'INVALID_REQUEST',
        `a raw request can carry one string, but '${spec.name}' of model '${model}' has the shape [${spec.shape.join(',')}]`,
      );
    }
    if (variable !== -1) shape[variable] = 1;
    return shape;
  }
  const row = others * width;
  if (variable !== -1) shape[variable] = row === 0 ? 0 : Math.floor(bodyBytes / row);
  const expected = variable === -1 ? row : row * shape[variable];
  if (expected !== bodyBytes) {
    throw new TidegateError(
      'INVALID_BINARY',
      `input byte size mismatch for input '${spec.name}' for model '${model}'. Expected ${expected}, got ${bodyBytes}`,
    );
  }
  return shape;
}

function withLength(body: Uint8Array): Uint8Array {
  const source = Buffer.allocUnsafe(LENGTH_BYTES + body.length);
  source.writeUInt32LE(body.length, 0);
  source.set(body, LENGTH_BYTES);
  return source;
}
