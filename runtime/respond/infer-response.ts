import { TidegateError } from '../../contract/error.js';
import type { InferReply, InferRequest } from '../../contract/inference.js';
import { classesOf } from './classification.js';
import { tensorJson } from './tensor-json.js';

/** What the answer must know of its request. */
export type ReplyShape = Pick<InferRequest, 'id' | 'outputs' | 'binary_output'>;

/** An answer in the protocol's form, whatever the face. */
export interface EncodedReply {
  readonly json: string;
  /**
   * The binary tensors that follow the JSON, in the order of the outputs. They may be views of shared memory: valid as long as the
   * reply that was encoded.
   */
  readonly binary: readonly Uint8Array[];
  /** Their bytes in all; 0: send the JSON alone, without `Inference-Header-Content-Length`, even where sizes of 0 stand in it. */
  readonly binary_bytes: number;
}

const NO_BINARY: readonly Uint8Array[] = [];

/** Copies what the answer needs, so that the body of the request is not kept while the model runs. */
export function replyShape(request: InferRequest): ReplyShape {
  return { id: request.id, outputs: request.outputs, binary_output: request.binary_output };
}

/**
 * Encodes the outputs that were asked for. Throws INVALID_VALUE for what JSON cannot carry (NaN, infinities, bytes that are not
 * UTF-8) and INVALID_DATATYPE for half-precision numbers in JSON and for classes of outputs that have no order.
 */
export function encodeReply(shape: ReplyShape, reply: InferReply): EncodedReply {
  try {
    return encoded(shape, reply);
  } catch (error) {
    // The engine's longest string, half a gigabyte, is the only range that can be left here.
    if (!(error instanceof RangeError)) throw error;
    throw new TidegateError('INVALID_REQUEST', 'the answer is too long for JSON: ask for its outputs in binary', {
      cause: error,
    });
  }
}

function encoded(shape: ReplyShape, reply: InferReply): EncodedReply {
  let json = `{"model_name":${quoted(reply.model)},"model_version":${quoted(reply.version)}`;
  if (shape.id !== '') json += `,"id":${JSON.stringify(shape.id)}`;
  json += ',"outputs":[';
  let binary: Uint8Array[] | undefined;
  let binaryBytes = 0;
  let separator = '';
  for (const output of reply.outputs) {
    const wanted = shape.outputs?.find((one) => one.name === output.name);
    if (shape.outputs !== undefined && wanted === undefined) continue;
    const tensor =
      wanted !== undefined && wanted.classification > 0 ? classesOf(output, wanted.classification, reply) : output;
    const isBinary = wanted?.binary ?? shape.binary_output;
    json += `${separator}{"name":${quoted(tensor.name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}],`;
    separator = ',';
    if (isBinary) {
      json += `"parameters":{"binary_data_size":${tensor.bytes.length}}}`;
      binary ??= [];
      binary.push(tensor.bytes);
      binaryBytes += tensor.bytes.length;
    } else {
      json += `"data":[${tensorJson(tensor)}]}`;
    }
  }
  json += ']}';
  return { json, binary: binaryBytes > 0 && binary !== undefined ? binary : NO_BINARY, binary_bytes: binaryBytes };
}

/** JSON and binary tensors one after the other, as an HTTP body. `json_bytes` is what `Inference-Header-Content-Length` says. */
export function joinedBody(encoded: EncodedReply): { readonly body: Buffer; readonly json_bytes: number } {
  const jsonBytes = Buffer.byteLength(encoded.json);
  const body = Buffer.allocUnsafe(jsonBytes + encoded.binary_bytes);
  joinInto(body, 0, encoded);
  return { body, json_bytes: jsonBytes };
}

/** A binary WebSocket frame: the length of the JSON as u32 LE, the JSON, the tensors. */
export function joinedFrame(encoded: EncodedReply): Buffer {
  const jsonBytes = Buffer.byteLength(encoded.json);
  const frame = Buffer.allocUnsafe(4 + jsonBytes + encoded.binary_bytes);
  frame.writeUInt32LE(jsonBytes, 0);
  joinInto(frame, 4, encoded);
  return frame;
}

function joinInto(target: Buffer, offset: number, encoded: EncodedReply): void {
  let at = offset + target.write(encoded.json, offset);
  for (const part of encoded.binary) {
    target.set(part, at);
    at += part.length;
  }
}

/** Names of models and outputs, quoted. They come from the models that are served, not from callers. */
const quotedNames = new Map<string, string>();
const MOST_QUOTED = 4096;

function quoted(name: string): string {
  const known = quotedNames.get(name);
  if (known !== undefined) return known;
  if (quotedNames.size >= MOST_QUOTED) quotedNames.clear();
  const text = JSON.stringify(name);
  quotedNames.set(name, text);
  return text;
}
