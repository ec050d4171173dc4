import { TidegateError } from '../../contract/error.js';
import { type ControlMessage, ControlMessageSchema } from '../../contract/ws-message.js';
import { parseJson } from '../codec/json-document.js';
import type { MessageBytes } from './frame.js';

const CLIENT_TYPES = ['open', 'infer', 'cancel', 'close', 'ping'];

/** A client message other than an inference, whose `type` is known already. Throws what is wrong with it. */
export function readControl(message: MessageBytes, type: string, maxDepth: number): ControlMessage {
  const { bytes, json_bytes } = message;
  const json = parseJson(bytes.subarray(0, json_bytes), maxDepth);
  if (type === 'infer') {
    throw new TidegateError('PROTOCOL_VIOLATION', "an 'infer' message needs the number of its 'stream'");
  }
  if (!CLIENT_TYPES.includes(type)) {
    const got = type === '' ? 'none' : `'${type.slice(0, 40)}'`;
    throw new TidegateError(
      'PROTOCOL_VIOLATION',
      `'type' must be one of ${CLIENT_TYPES.map((type) => `'${type}'`).join(', ')}, got ${got}`,
    );
  }
  if (bytes.length !== json_bytes) {
    throw new TidegateError(
      'INVALID_BINARY',
      `${bytes.length - json_bytes} bytes follow a message that has no tensors`,
    );
  }
  const parsed = ControlMessageSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue.path.length > 0 ? ` at '${issue.path.join('.')}'` : '';
  throw new TidegateError('PROTOCOL_VIOLATION', `message '${type}' is wrong${where}: ${issue.message}`);
}
