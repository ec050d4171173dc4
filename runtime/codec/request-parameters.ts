import { TidegateError } from '../../contract/error.js';
import type { InferRequest, RequestedOutput } from '../../contract/inference.js';
import type { JsonCursor } from './json-cursor.js';
import { stringText } from './json-string.js';

export type RequestParameters = Pick<
  InferRequest,
  'binary_output' | 'priority' | 'timeout_us' | 'sequence_id' | 'sequence_start' | 'sequence_end' | 'custom'
>;

type Draft = { -readonly [Key in keyof RequestParameters]: RequestParameters[Key] };

const MAX_UINT64 = 18446744073709551615n;
const MAX_UINT32 = 0xffffffff;
const MAX_SEQUENCE_ID_BYTES = 128;

/** The request's own `parameters`; the cursor stands before them. */
export function readRequestParameters(cursor: JsonCursor): RequestParameters {
  const draft: Draft = {
    binary_output: false,
    priority: 0,
    timeout_us: 0,
    sequence_id: '',
    sequence_start: false,
    sequence_end: false,
  };
  let custom: Map<string, string> | undefined;
  eachParameter(cursor, "'parameters' of the request", (name) => {
    switch (name) {
      case 'sequence_id':
        draft.sequence_id = readSequenceId(cursor);
        break;
      case 'sequence_start':
        draft.sequence_start = readBoolean(cursor, name);
        break;
      case 'sequence_end':
        draft.sequence_end = readBoolean(cursor, name);
        break;
      case 'priority':
        draft.priority = Number(readUnsigned(cursor, name));
        break;
      case 'timeout':
        draft.timeout_us = Number(readUnsigned(cursor, name));
        break;
      case 'binary_data_output':
        draft.binary_output = readBoolean(cursor, name);
        break;
      default:
        custom ??= new Map();
        custom.set(name, readCustom(cursor, name));
    }
  });
  if (custom !== undefined) draft.custom = custom;
  return draft;
}

/** `parameters` of an input: its `binary_data_size`, or -1. */
export function readInputParameters(cursor: JsonCursor, index: number): number {
  let bytes = -1;
  eachParameter(cursor, `'parameters' of inputs[${index}]`, (name) => {
    refuseSharedMemory(name);
    if (name === 'binary_data_size') bytes = Number(readUnsigned(cursor, name));
    else cursor.value();
  });
  return bytes;
}

export function readOutputParameters(cursor: JsonCursor, index: number): Omit<RequestedOutput, 'name'> {
  let binary: boolean | undefined;
  let classification = 0;
  eachParameter(cursor, `'parameters' of outputs[${index}]`, (name) => {
    refuseSharedMemory(name);
    if (name === 'binary_data') {
      binary = readBoolean(cursor, name);
    } else if (name === 'classification') {
      const count = readUnsigned(cursor, name);
      if (count > MAX_UINT32) throw invalid(name, `at most ${MAX_UINT32}`, String(count));
      classification = Number(count);
    } else {
      cursor.value();
    }
  });
  return { binary, classification };
}

function eachParameter(cursor: JsonCursor, what: string, read: (name: string) => void): void {
  if (cursor.peek() !== 0x7b) {
    cursor.value();
    throw new TidegateError('INVALID_REQUEST', `${what} must be an object`);
  }
  if (!cursor.open(0x7d)) return;
  do {
    cursor.key();
    read(stringText(cursor.bytes, cursor.start, cursor.stop));
  } while (cursor.more(0x7d));
}

function refuseSharedMemory(name: string): void {
  if (name.startsWith('shared_memory_')) {
    throw new TidegateError(
      'UNSUPPORTED',
      `shared memory regions are not supported ('${name}'): send the tensor in the request`,
    );
  }
}

/**
 * Parameters of the caller's own: accepted where Triton accepts them, and fractions. As text: a number as it is written, a boolean as
 * true or false. The prediction log may want them.
 */
function readCustom(cursor: JsonCursor, name: string): string {
  if (name.startsWith('triton_')) {
    throw new TidegateError(
      'INVALID_PARAMETER',
      `parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified, got '${name}'`,
    );
  }
  const byte = cursor.peek();
  const start = cursor.at;
  cursor.value();
  if (byte === 0x7b || byte === 0x5b || byte === 0x6e) {
    throw invalid(name, "either 'int', 'bool', 'double' or 'string'", valueText(cursor, start));
  }
  return byte === 0x22 ? stringText(cursor.bytes, cursor.start, cursor.stop) : rawText(cursor, start);
}

function readBoolean(cursor: JsonCursor, name: string): boolean {
  const byte = cursor.peek();
  const start = cursor.at;
  cursor.value();
  if (byte !== 0x74 && byte !== 0x66) throw invalid(name, 'true or false', valueText(cursor, start));
  return byte === 0x74;
}

/** A whole number from 0 to 2^64-1, written as one. */
function readUnsigned(cursor: JsonCursor, name: string): bigint {
  const byte = cursor.peek();
  const start = cursor.at;
  let whole = false;
  if (byte >= 0x30 && byte <= 0x39) whole = cursor.number();
  else cursor.value();
  // 2^64 has 20 digits and JSON allows no leading zeros: what is longer need not be made into a number to be refused.
  const value = whole && cursor.at - start <= 20 ? BigInt(rawText(cursor, start)) : -1n;
  if (value < 0n || value > MAX_UINT64)
    throw invalid(name, 'a whole number from 0 to 2^64-1', valueText(cursor, start));
  return value;
}

function readSequenceId(cursor: JsonCursor): string {
  if (cursor.peek() !== 0x22) {
    const id = readUnsigned(cursor, 'sequence_id');
    return id === 0n ? '' : String(id);
  }
  cursor.string();
  const id = stringText(cursor.bytes, cursor.start, cursor.stop);
  if (Buffer.byteLength(id) > MAX_SEQUENCE_ID_BYTES) {
    throw new TidegateError(
      'INVALID_PARAMETER',
      `a 'sequence_id' that is a string cannot be longer than ${MAX_SEQUENCE_ID_BYTES} bytes of UTF-8`,
    );
  }
  return id === '' ? '' : `s:${id}`;
}

function invalid(name: string, wanted: string, got: string): TidegateError {
  return new TidegateError(
    'INVALID_PARAMETER',
    `parameter '${name}' has an invalid value, it should be ${wanted}, got ${got}`,
  );
}

function rawText(cursor: JsonCursor, start: number): string {
  return Buffer.from(cursor.bytes.subarray(start, cursor.at)).toString('latin1');
}

function valueText(cursor: JsonCursor, start: number): string {
  return Buffer.from(cursor.bytes.subarray(start, Math.min(cursor.at, start + 40))).toString('utf8');
}
