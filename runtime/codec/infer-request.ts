import { TidegateError } from '../../contract/error.js';
import type { InferRequest, RequestedOutput, RequestTensor } from '../../contract/inference.js';
import { JsonCursor } from './json-cursor.js';
import { isNull, memberName, readText, refuseTwice } from './request-members.js';
import { type RequestParameters, readRequestParameters } from './request-parameters.js';
import { type CodecLimits, type DraftTensor, readInputs, readOutputs } from './request-tensors.js';
import { assignBinary } from './tensor-span.js';

export interface InferTarget {
  readonly model: string;
  /** A version number in decimal, a version label, or ''. */
  readonly version: string;
  /** The header of that name; the prediction log may want it. */
  readonly traceparent?: string;
  /** Header `tidegate-key`. */
  readonly key?: string;
}

const NO_PARAMETERS: RequestParameters = {
  binary_output: false,
  priority: 0,
  timeout_us: 0,
  sequence_id: '',
  sequence_start: false,
  sequence_end: false,
};

/**
 * Reads an inference request: `jsonLength` bytes of JSON, then the binary tensors in the order in which the inputs are declared.
 * The data of JSON tensors is only spanned here; `decodeTensor` reads it. Throws INVALID_JSON, INVALID_REQUEST, INVALID_BINARY,
 * INVALID_SHAPE, INVALID_DATATYPE, INVALID_TENSOR_NAME, INVALID_PARAMETER and UNSUPPORTED. `jsonLength` must be within `body`.
 */
export function parseInferRequest(
  body: Uint8Array,
  jsonLength: number,
  target: InferTarget,
  limits: CodecLimits,
): InferRequest {
  const cursor = new JsonCursor(body, 0, jsonLength, limits.max_json_depth);
  let id: string | undefined;
  let inputs: DraftTensor[] | undefined;
  let outputs: readonly RequestedOutput[] | undefined;
  let parameters: RequestParameters | undefined;
  if (cursor.peek() !== 0x7b) {
    cursor.value();
    throw new TidegateError('INVALID_REQUEST', 'the request must be a JSON object with the member "inputs"');
  }
  if (cursor.open(0x7d)) {
    do {
      cursor.key();
      switch (memberName(cursor)) {
        case 'id':
          refuseTwice(id, 'id');
          id = isNull(cursor) ? '' : readText(cursor, "'id'");
          break;
        case 'inputs':
          refuseTwice(inputs, 'inputs');
          inputs = readInputs(cursor, limits);
          break;
        case 'outputs':
          refuseTwice(outputs, 'outputs');
          outputs = isNull(cursor) ? [] : readOutputs(cursor);
          break;
        case 'parameters':
          refuseTwice(parameters, 'parameters');
          parameters = isNull(cursor) ? NO_PARAMETERS : readRequestParameters(cursor);
          break;
        default:
          cursor.value();
      }
    } while (cursor.more(0x7d));
  }
  cursor.finish();
  if (inputs === undefined) throw new TidegateError('INVALID_REQUEST', "the request has no member 'inputs'");
  assignBinary(inputs, body.length, jsonLength, target.model);
  return request(body, target, id ?? '', inputs, outputs, parameters ?? NO_PARAMETERS);
}

function request(
  source: Uint8Array,
  target: InferTarget,
  id: string,
  inputs: readonly RequestTensor[],
  outputs: readonly RequestedOutput[] | undefined,
  parameters: RequestParameters,
): InferRequest {
  const { custom } = parameters;
  return {
    model: target.model,
    version: target.version !== '' || custom === undefined ? target.version : wishedVersion(custom),
    id,
    source,
    inputs,
    outputs: outputs === undefined || outputs.length === 0 ? undefined : outputs,
    binary_output: parameters.binary_output,
    priority: parameters.priority,
    timeout_us: parameters.timeout_us,
    sequence_id: parameters.sequence_id,
    sequence_start: parameters.sequence_start,
    sequence_end: parameters.sequence_end,
    custom,
    traceparent: target.traceparent ?? '',
    key: target.key || custom?.get('tidegate_key') || '',
  };
}

/** Where a caller cannot set headers or the path (a stream's messages), parameters say the same. A version is more than a route. */
function wishedVersion(custom: ReadonlyMap<string, string>): string {
  return custom.get('tidegate_version') ?? custom.get('tidegate_route') ?? '';
}
