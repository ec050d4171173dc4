import { type RawData, WebSocket } from 'ws';
import type { Caller } from './caller.js';
import type { Outcome } from './http-connection.js';
import type { LoadPlan } from './load-plan.js';
import { inferFrame, outcomeOfMessage, readServerFrame, type ServerMessage } from './websocket-frame.js';

/** Between two tries to connect again to a server that is gone. */
const RETRY_MS = 100;

interface Call {
  readonly request: number;
  readonly done: (outcome: Outcome) => void;
}

/** A stream of one model on one connection. Ordered: answers come as their messages were sent. */
interface Stream {
  readonly number: number;
  credits: number;
  /** Sent and not answered, oldest first. */
  readonly sent: Call[];
  /** Waits for a credit. */
  readonly waiting: Call[];
}

interface Line {
  socket: WebSocket | undefined;
  streams: Stream[];
  answers: number;
}

/**
 * Keeps some connections open, each with one stream for each model of the plan. Requests go to the connections in turn, and wait
 * where their stream has no credit: a server that holds credits back is slow, and the latency says so.
 */
export class WebSocketCaller implements Caller {
  readonly #plan: LoadPlan;
  readonly #models: readonly string[];
  readonly #modelOf: readonly number[];
  readonly #lines: Line[];
  readonly #retries = new Set<NodeJS.Timeout>();
  #next = 0;
  #waiting = 0;
  #closed = false;

  constructor(plan: LoadPlan, connections: number) {
    this.#plan = plan;
    this.#models = [...new Set(plan.requests.map(({ model }) => model))];
    this.#modelOf = plan.requests.map(({ model }) => this.#models.indexOf(model));
    this.#lines = Array.from({ length: connections }, () => ({ socket: undefined, streams: [], answers: 0 }));
  }

  async ready(): Promise<void> {
    await Promise.all(this.#lines.map((line) => this.#connect(line)));
  }

  send(request: number, done: (outcome: Outcome) => void): boolean {
    if (this.#waiting >= this.#plan.max_waiting) return false;
    const line = this.#lines[this.#next];
    this.#next = (this.#next + 1) % this.#lines.length;
    const stream = line.streams[this.#modelOf[request]];
    stream.waiting.push({ request, done });
    this.#waiting++;
    this.#flush(line, stream);
    return true;
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#retries) clearTimeout(timer);
    for (const { socket } of this.#lines) socket?.terminate();
  }

  /** Resolves when every stream is open. What waits already is sent then. */
  #connect(line: Line): Promise<void> {
    const { host, port } = this.#plan;
    const authority = host.includes(':') ? `[${host}]` : host;
    const socket = new WebSocket(`ws://${authority}:${port}/v2/ws`, 'tidegate.v1', { perMessageDeflate: false });
    const before = line.streams;
    line.socket = socket;
    line.answers = 0;
    line.streams = this.#models.map((_model, at) => ({
      number: at + 1,
      credits: 0,
      sent: [],
      waiting: before[at]?.waiting ?? [],
    }));
    return new Promise((resolve, reject) => {
      let opened = 0;
      let failure: Error | undefined;
      socket.on('open', () => {
        for (const [at, model] of this.#models.entries()) {
          socket.send(JSON.stringify({ type: 'open', stream: at + 1, model }));
        }
      });
      socket.on('error', (error) => {
        failure = error;
      });
      socket.on('message', (data: RawData, binary: boolean) => {
        if (!Buffer.isBuffer(data)) return;
        const message = readServerFrame(data, binary);
        if (message.type === 'opened' && ++opened === this.#models.length) resolve();
        if (message.type === 'error' && message.credits === undefined && opened < this.#models.length) {
          reject(new Error(`the stream was refused: ${message.error ?? message.code ?? 'without a reason'}`));
        }
        this.#heard(line, message);
      });
      socket.on('close', () => {
        reject(failure ?? new Error('the connection was closed before its streams were open'));
        if (this.#closed || line.socket !== socket) return;
        line.socket = undefined;
        failAll(line.streams.map(({ sent }) => sent));
        if (opened === this.#models.length) this.#reconnect(line);
      });
    });
  }

  #heard(line: Line, message: ServerMessage): void {
    const stream = line.streams[(message.stream ?? 0) - 1];
    if (stream === undefined) return;
    stream.credits += message.credits ?? 0;
    const answers = message.type === 'result' || (message.type === 'error' && message.credits !== undefined);
    if (answers) {
      line.answers++;
      stream.sent.shift()?.done(outcomeOfMessage(message));
    }
    this.#flush(line, stream);
    const limit = this.#plan.answers_per_connection;
    const spent = answers && limit > 0 && line.answers >= limit;
    if (spent && line.streams.every(({ sent }) => sent.length === 0)) line.socket?.close();
  }

  #flush(line: Line, stream: Stream): void {
    const limit = this.#plan.answers_per_connection;
    if (line.socket?.readyState !== WebSocket.OPEN || (limit > 0 && line.answers >= limit)) return;
    while (stream.credits > 0) {
      const call = stream.waiting.shift();
      if (call === undefined) return;
      this.#waiting--;
      stream.credits--;
      stream.sent.push(call);
      line.socket.send(inferFrame(this.#plan.requests[call.request], stream.number));
    }
  }

  /** What waited goes over the next connection; if there is none, it fails, and what comes later has another try. */
  #reconnect(line: Line): void {
    this.#connect(line).catch(() => {
      if (this.#closed) return;
      line.socket?.terminate();
      for (const { waiting } of line.streams) this.#waiting -= waiting.length;
      failAll(line.streams.map(({ waiting }) => waiting));
      const timer = setTimeout(() => {
        this.#retries.delete(timer);
        this.#reconnect(line);
      }, RETRY_MS);
      this.#retries.add(timer);
    });
  }
}

function failAll(queues: readonly Call[][]): void {
  for (const queue of queues) for (const { done } of queue.splice(0)) done('failed');
}
