import assert from 'node:assert/strict';
import { TidegateError } from '../../contract/error.js';
import type { InferRequest, RequestTensor } from '../../contract/inference.js';
import { parseInferRequest } from '../../runtime/codec/infer-request.js';
import { SlabViews } from '../../runtime/codec/slab-views.js';
import { decodeTensor, tensorByteLength } from '../../runtime/codec/tensor-decode.js';

export const LIMITS = { max_json_depth: 100, max_tensor_dims: 32 };
export const TARGET = { model: 'm', version: '' };

const SENTINEL = 0xa5;
const MARGIN = 64;

export function bytesOf(json: string | Uint8Array, ...binary: Uint8Array[]): { body: Buffer; jsonLength: number } {
  const head = Buffer.from(json);
  return { body: Buffer.concat([head, ...binary]), jsonLength: head.length };
}

export function parse(json: string | Uint8Array, ...binary: Uint8Array[]): InferRequest {
  const { body, jsonLength } = bytesOf(json, ...binary);
  return parseInferRequest(body, jsonLength, TARGET, LIMITS);
}

/** One input with JSON data, its data given as text. */
export function withData(datatype: string, shape: readonly number[], data: string): string {
  return `{"inputs":[{"name":"X","datatype":"${datatype}","shape":[${shape.join(',')}],"data":${data}}]}`;
}

/** Decodes between two margins of sentinel bytes, which must survive whatever happens. */
export function decode(source: Uint8Array, tensor: RequestTensor): Uint8Array {
  const length = tensorByteLength(source, tensor);
  const memory = new SlabViews(new SharedArrayBuffer(MARGIN * 2 + Math.ceil(length / 8) * 8));
  memory.u8.fill(SENTINEL);
  try {
    decodeTensor(source, tensor, memory, MARGIN);
  } finally {
    assert.ok(
      memory.u8.subarray(0, MARGIN).every((byte) => byte === SENTINEL),
      'wrote before the tensor',
    );
    assert.ok(
      memory.u8.subarray(MARGIN + length).every((byte) => byte === SENTINEL),
      'wrote after the tensor',
    );
  }
  return Uint8Array.from(memory.u8.subarray(MARGIN, MARGIN + length));
}

export function firstInput(request: InferRequest): RequestTensor {
  const [input] = request.inputs;
  assert.ok(input !== undefined);
  return input;
}

export function decodeData(datatype: string, shape: readonly number[], data: string): Uint8Array {
  const request = parse(withData(datatype, shape, data));
  return decode(request.source, firstInput(request));
}

/** The code of the TidegateError that `act` throws; anything else that is thrown fails the test. */
export function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TidegateError) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

export function refuses(act: () => unknown, code: string, text?: RegExp): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof TidegateError, String(error));
    assert.equal(error.code, code, error.message);
    if (text !== undefined) assert.match(error.message, text);
    return true;
  });
}
