import type { ServerMessage } from '../../contract/ws-message.js';

export function messageOf(frame: string | Uint8Array): ServerMessage {
  if (typeof frame === 'string') return JSON.parse(frame);
  const bytes = Buffer.from(frame);
  return JSON.parse(bytes.toString('utf8', 4, 4 + bytes.readUInt32LE(0)));
}

export function binaryFrame(json: unknown, ...tensors: Uint8Array[]): Uint8Array {
  const text = Buffer.from(JSON.stringify(json));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, ...tensors]);
}

export function infer(stream: number, id: string, x: readonly number[] = [1, 2]): Record<string, unknown> {
  return {
    type: 'infer',
    stream,
    id,
    inputs: [{ name: 'x', datatype: 'FP32', shape: [x.length / 2, 2], data: x }],
  };
}
