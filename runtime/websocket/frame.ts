import { TidegateError } from '../../contract/error.js';
import type { InferReply } from '../../contract/inference.js';
import type { ErrorMessage, ServerMessage } from '../../contract/ws-message.js';
import { WS_MAX_ID_LENGTH, WS_MAX_STREAM } from '../../contract/ws-message.js';
import { JsonCursor } from '../codec/json-cursor.js';
import { memberName, readText } from '../codec/request-members.js';
import { type EncodedReply, joinedFrame } from '../respond/infer-response.js';

/** What goes out: text, or JSON with binary tensors behind it. */
export type Frame = string | Uint8Array;

/** A message as it lies in its frame: `json_bytes` of JSON, then binary tensors. */
export interface MessageBytes {
  readonly bytes: Uint8Array;
  readonly json_bytes: number;
}

const LENGTH_BYTES = 4;

/** A text frame is all JSON; a binary one starts with the length of its JSON, u32 LE. Throws INVALID_BINARY. */
export function messageBytes(frame: Uint8Array, binary: boolean): MessageBytes {
  if (!binary) return { bytes: frame, json_bytes: frame.length };
  if (frame.length < LENGTH_BYTES) {
    throw new TidegateError(
      'INVALID_BINARY',
      `a binary frame starts with the length of its JSON in ${LENGTH_BYTES} bytes (u32, little-endian), this one has ${frame.length} in all`,
    );
  }
  const json_bytes = (frame[0] | (frame[1] << 8) | (frame[2] << 16) | (frame[3] << 24)) >>> 0;
  const rest = frame.length - LENGTH_BYTES;
  if (json_bytes > rest) {
    throw new TidegateError(
      'INVALID_BINARY',
      `the frame says that its JSON has ${json_bytes} bytes, but only ${rest} follow`,
    );
  }
  return { bytes: frame.subarray(LENGTH_BYTES), json_bytes };
}

/**
 * The members that tell where a message belongs. Filled as far as the message can be read: when `read` throws, what stood before
 * the fault is there, so that the error can name its stream.
 */
export class Envelope {
  type = '';
  stream = -1;
  id: string | undefined;
  readonly #cursor: JsonCursor;
  #leftAtInputs = false;

  constructor(message: MessageBytes, maxDepth: number) {
    this.#cursor = new JsonCursor(message.bytes, 0, message.json_bytes, maxDepth);
  }

  /**
   * Reads the top level. An inference message is left at its `inputs` as soon as type and stream are known, so that its tensors are
   * walked once, by the codec; every other one is read to its end. Throws INVALID_JSON, INVALID_REQUEST and PROTOCOL_VIOLATION.
   */
  read(): void {
    const cursor = this.#cursor;
    if (cursor.peek() !== 0x7b) {
      cursor.value();
      throw new TidegateError('PROTOCOL_VIOLATION', "a message must be a JSON object with a member 'type'");
    }
    if (!cursor.open(0x7d)) return;
    do {
      cursor.key();
      const name = memberName(cursor);
      if (name === 'inputs' && this.type === 'infer' && this.stream >= 0) {
        this.#leftAtInputs = true;
        return;
      }
      this.#member(name);
    } while (cursor.more(0x7d));
  }

  /** Looks for the `id` in the rest of an inference message that turned out to be wrong. */
  findId(): void {
    if (!this.#leftAtInputs) return;
    this.#leftAtInputs = false;
    const cursor = this.#cursor;
    try {
      cursor.value();
      while (this.id === undefined && cursor.more(0x7d)) {
        cursor.key();
        this.#member(memberName(cursor));
      }
    } catch (error) {
      // The message is being refused already; where its rest cannot be read, the refusal goes out without an id.
      if (!(error instanceof TidegateError)) throw error;
    }
  }

  #member(name: string): void {
    const cursor = this.#cursor;
    if (name === 'type') {
      this.type = readText(cursor, "'type'");
    } else if (name === 'stream') {
      this.stream = readStream(cursor);
    } else if (name === 'id' && cursor.peek() === 0x22) {
      const id = readText(cursor, "'id'");
      if (id !== '' && id.length <= WS_MAX_ID_LENGTH) this.id = id;
    } else {
      cursor.value();
    }
  }
}

function readStream(cursor: JsonCursor): number {
  const byte = cursor.peek();
  const start = cursor.at;
  cursor.value();
  const isWhole = byte >= 0x30 && byte <= 0x39 && cursor.at - start <= 10;
  const text = isWhole ? Buffer.from(cursor.bytes.subarray(start, cursor.at)).toString('latin1') : '';
  const stream = /^\d+$/.test(text) ? Number(text) : -1;
  if (stream < 0 || stream > WS_MAX_STREAM) {
    throw new TidegateError('PROTOCOL_VIOLATION', `'stream' must be a whole number from 0 to ${WS_MAX_STREAM}`);
  }
  return stream;
}

/** `prefix` is `{"type":"result",…,`: it takes the place of the opening brace of the answer. */
export function resultFrame(prefix: string, encoded: EncodedReply): Frame {
  const json = prefix + encoded.json.slice(1);
  if (encoded.binary_bytes === 0) return json;
  return joinedFrame({ json, binary: encoded.binary, binary_bytes: encoded.binary_bytes });
}

/** What a result says of its record in the prediction log, as a member of the message; '' where there is none. */
export function loggedMember({ logged }: InferReply): string {
  if (logged === undefined) return '';
  const id = logged.request_id === '' ? '' : `,"tidegate-request-id":${JSON.stringify(logged.request_id)}`;
  return `"parameters":{"tidegate-log":${JSON.stringify(logged.token)}${id}},`;
}

export interface ErrorAddress {
  readonly stream?: number | undefined;
  readonly id?: string | undefined;
  readonly credits?: number | undefined;
}

export function errorFrame(error: TidegateError, address: ErrorAddress): Frame {
  const { stream, id, credits } = address;
  const message: ErrorMessage = {
    type: 'error',
    ...(stream === undefined ? {} : { stream }),
    ...(id === undefined || id === '' ? {} : { id }),
    ...(credits === undefined ? {} : { credits }),
    code: error.code,
    error: error.message,
    retryable: error.retryable,
    ...(error.retry_after_ms === undefined ? {} : { retry_after_ms: error.retry_after_ms }),
  };
  return JSON.stringify(message);
}

export function controlFrame(message: ServerMessage): Frame {
  return JSON.stringify(message);
}
