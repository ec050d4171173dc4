import { z } from 'zod';
import type { Outcome } from './http-connection.js';
import type { LoadRequest } from './load-plan.js';

/** What a load must know of the messages that a server sends (docs/websocket.md). */
const MessageSchema = z.looseObject({
  type: z.string(),
  stream: z.number().optional(),
  credits: z.number().optional(),
  code: z.string().optional(),
  error: z.string().optional(),
  retryable: z.boolean().optional(),
});
export type ServerMessage = z.infer<typeof MessageSchema>;

export function inferFrame(request: LoadRequest, stream: number): Buffer | string {
  const json = `{"type":"infer","stream":${stream},${request.members}}`;
  if (request.tensors.length === 0) return json;
  const text = Buffer.from(json);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, request.tensors]);
}

export function readServerFrame(frame: Buffer, binary: boolean): ServerMessage {
  const text = binary ? frame.toString('utf8', 4, 4 + frame.readUInt32LE(0)) : frame.toString('utf8');
  return MessageSchema.parse(JSON.parse(text));
}

export function outcomeOfMessage(message: ServerMessage): Outcome {
  if (message.type === 'result') return 'ok';
  return message.retryable === true ? 'refused' : 'failed';
}
