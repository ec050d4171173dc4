import { badAnswer, invalidArgument, isServerCode, TidegateClientError } from './error.js';
import {
  decodeOutput,
  type EncodedTensor,
  encodeTensor,
  type InputValue,
  type OutputTensor,
  outputFromJson,
  type TensorSpec,
} from './tensor.js';

export type Inputs = Readonly<Record<string, InputValue>>;

/** An output by name, or its top classes as `value:index:label` strings. */
export type OutputRequest = string | { readonly name: string; readonly classification?: number };

export interface MessageOptions {
  /** Default: all outputs. */
  readonly outputs?: readonly OutputRequest[];
  readonly id?: string;
  /** Microseconds from arrival after which the answer is worthless. */
  readonly timeout_us?: number;
  /** 1 is served first. */
  readonly priority?: number;
  /** Parameters of the request besides those: what a manifest takes an entity key or a segment from, for one. */
  readonly parameters?: Readonly<Record<string, string | number | boolean>>;
}

export interface InferResult {
  /** '' where none was given. */
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly outputs: Readonly<Record<string, OutputTensor>>;
}

export interface EncodedMessage {
  readonly json: Uint8Array;
  readonly tensors: readonly EncodedTensor[];
}

/** The members of an inference request, tensors in binary form behind it. `head` goes first. */
export function encodeMessage(
  head: Readonly<Record<string, unknown>>,
  inputs: Inputs,
  options: MessageOptions & { readonly sequence?: Readonly<Record<string, boolean>> | undefined },
  signature: readonly TensorSpec[] | undefined,
): EncodedMessage {
  const tensors = Object.entries(inputs).map(([name, value]) => {
    const spec = signature?.find((one) => one.name === name);
    if (signature !== undefined && spec === undefined) {
      const known = signature.map((one) => `'${one.name}'`).join(', ');
      throw invalidArgument(`the model has no input '${name}': it takes ${known}`);
    }
    return encodeTensor(name, value, spec);
  });
  const { id, outputs, timeout_us, priority, parameters, sequence } = options;
  const message = {
    ...head,
    ...(id === undefined ? {} : { id }),
    parameters: {
      ...parameters,
      binary_data_output: true,
      ...(timeout_us === undefined ? {} : { timeout: timeout_us }),
      ...(priority === undefined ? {} : { priority }),
      ...sequence,
    },
    inputs: tensors.map(({ name, datatype, shape, bytes }) => ({
      name,
      datatype,
      shape,
      parameters: { binary_data_size: bytes.length },
    })),
    ...(outputs === undefined ? {} : { outputs: outputs.map(requestedOutput) }),
  };
  return { json: new TextEncoder().encode(JSON.stringify(message)), tensors };
}

function requestedOutput(output: OutputRequest): unknown {
  const { name, classification } = typeof output === 'string' ? { name: output, classification: undefined } : output;
  const classes = classification === undefined ? {} : { classification };
  return { name, parameters: { binary_data: true, ...classes } };
}

/** `room` bytes are left free in front. */
export function joined(message: EncodedMessage, room: number): Uint8Array<ArrayBuffer> {
  const { json, tensors } = message;
  const length = tensors.reduce((sum, { bytes }) => sum + bytes.length, room + json.length);
  const body = new Uint8Array(length);
  body.set(json, room);
  let at = room + json.length;
  for (const { bytes } of tensors) {
    body.set(bytes, at);
    at += bytes.length;
  }
  return body;
}

/** A binary frame: u32 LE length of the JSON, the JSON, the tensors. */
export function frameOf(message: EncodedMessage): Uint8Array<ArrayBuffer> {
  const frame = joined(message, 4);
  new DataView(frame.buffer).setUint32(0, message.json.length, true);
  return frame;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function parseObject(text: string, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TidegateClientError('BAD_ANSWER', `${what} is not JSON: ${text.slice(0, 80)}`, { cause });
  }
  if (!isObject(value)) throw badAnswer(`${what} is not a JSON object: ${text.slice(0, 80)}`);
  return value;
}

/** Reads an answer whose binary tensors, if it has any, are `binary`. Throws BAD_ANSWER. */
export function decodeResult(answer: JsonObject, binary: Uint8Array): InferResult {
  if (!Array.isArray(answer['outputs'])) throw badAnswer("the answer has no 'outputs'");
  let at = 0;
  const outputs = answer['outputs'].map((given: unknown): [string, OutputTensor] => {
    const { name, datatype, shape, parameters, data } = isObject(given) ? given : {};
    if (typeof name !== 'string' || typeof datatype !== 'string' || !isShape(shape)) {
      throw badAnswer('an output of the answer lacks its name, datatype or shape');
    }
    if (Array.isArray(data)) return [name, outputFromJson(name, datatype, shape, data)];
    const size = isObject(parameters) ? parameters['binary_data_size'] : undefined;
    if (typeof size !== 'number' || at + size > binary.length) {
      throw badAnswer(`output '${name}' has neither 'data' nor its bytes behind the JSON`);
    }
    at += size;
    return [name, decodeOutput(name, datatype, shape, binary.subarray(at - size, at))];
  });
  const { id, model_name, model_version } = answer;
  return {
    id: typeof id === 'string' ? id : '',
    model: String(model_name),
    version: String(model_version),
    outputs: Object.fromEntries(outputs),
  };
}

function isShape(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((dim) => typeof dim === 'number');
}

/** The error that the server described. */
export function decodeError(answer: JsonObject, status?: number, retry_after_ms?: number): TidegateClientError {
  const { code, error, retryable, retry_after_ms: told_ms } = answer;
  const message = typeof error === 'string' ? error : `the server answered with status ${status}`;
  const known = isServerCode(code) ? code : 'BAD_ANSWER';
  const wait_ms = typeof told_ms === 'number' ? told_ms : retry_after_ms;
  return new TidegateClientError(known, message, {
    ...(typeof retryable === 'boolean' ? { retryable } : {}),
    ...(known === 'BAD_ANSWER' && status !== undefined
      ? { retryable: [408, 429, 502, 503, 504].includes(status) }
      : {}),
    ...(status === undefined ? {} : { status }),
    retry_after_ms: wait_ms,
  });
}
