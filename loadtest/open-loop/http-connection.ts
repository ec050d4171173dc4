import { connect, type Socket } from 'node:net';
import type { LoadRequest } from './load-plan.js';

/** How a request ended: answered, refused for now (429, 503), or failed in any other way. */
export type Outcome = 'ok' | 'refused' | 'failed';

/** A connection on which one request is in flight at a time. */
export interface HttpConnection {
  send(bytes: Buffer): void;
  close(): void;
}

export interface HttpEvents {
  readonly answered: (outcome: Outcome, closing: boolean) => void;
  /** Once, whether it was ever open or not. */
  readonly closed: (error: Error | undefined) => void;
  readonly open: () => void;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/** The whole request as it goes over the wire. */
export function httpBytes(request: LoadRequest, host: string): Buffer {
  const json = Buffer.from(`{${request.members}}`);
  const body = Buffer.concat([json, request.tensors]);
  const binary = request.tensors.length > 0 ? `inference-header-content-length: ${json.length}\r\n` : '';
  const type = request.tensors.length > 0 ? 'application/octet-stream' : 'application/json';
  const path = `/v2/models/${encodeURIComponent(request.model)}/infer`;
  const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: ${type}\r\n${binary}content-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

export function connectHttp(host: string, port: number, events: HttpEvents): HttpConnection {
  const socket: Socket = connect({ host, port, noDelay: true });
  let error: Error | undefined;
  let pending: Buffer | undefined;
  socket.on('connect', events.open);
  socket.on('error', (cause) => {
    error = cause;
  });
  socket.on('close', () => events.closed(error));
  socket.on('data', (chunk: Buffer) => {
    const bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
    const answer = readAnswer(bytes);
    if (answer === undefined) {
      pending = bytes;
      return;
    }
    pending = undefined;
    events.answered(outcomeOf(answer.status), answer.closing);
  });
  return { send: (bytes) => void socket.write(bytes), close: () => void socket.destroy() };
}

export function outcomeOf(status: number): Outcome {
  if (status === 200) return 'ok';
  return status === 503 || status === 429 ? 'refused' : 'failed';
}

interface Answer {
  readonly status: number;
  readonly closing: boolean;
}

/** The answer that begins at 0; undefined while it is not complete. An answer without a length counts as failed (status 0). */
export function readAnswer(bytes: Buffer): Answer | undefined {
  const head = bytes.indexOf(HEAD_END);
  if (head < 0) return undefined;
  const text = bytes.toString('latin1', 0, head);
  const length = /\r\ncontent-length: *(\d+)/i.exec(text);
  if (length === null) return { status: 0, closing: true };
  if (bytes.length < head + HEAD_END.length + Number(length[1])) return undefined;
  return { status: Number(text.slice(9, 12)), closing: /\r\nconnection: *close/i.test(text) };
}
