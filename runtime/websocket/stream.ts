import { asTidegateError, TidegateError } from '../../contract/error.js';
import type { InferReply, InferRequest, RequestedOutput } from '../../contract/inference.js';
import type { Limits } from '../../contract/limits.js';
import type { ClosedMessage, OpenMessage } from '../../contract/ws-message.js';
import { WS_MAX_ID_LENGTH } from '../../contract/ws-message.js';
import type { Inference } from '../admission/inference.js';
import { type InferTarget, parseInferRequest } from '../codec/infer-request.js';
import { encodeReply, replyShape } from '../respond/infer-response.js';
import { type Envelope, errorFrame, type Frame, loggedMember, type MessageBytes, resultFrame } from './frame.js';
import { OrderBuffer } from './order.js';
import { PendingMessage } from './pending-message.js';

/** What a stream asks of its connection. */
export interface StreamOutlet {
  readonly inference: Inference;
  readonly limits: Limits;
  /** Unsent bytes stand above the mark: no credits. */
  readonly paused: boolean;
  readonly leaving: boolean;
  /** Sends an answer; one that returns no credit is told to `owe`. */
  send(frame: Frame): void;
  owe(stream: Stream): void;
  /** Counts bytes that wait for an earlier answer, in and out again. */
  hold(bytes: number): void;
  /** Whether the answer of one more message will fit; counts it if so. */
  expect(bytes: number): boolean;
  unexpect(bytes: number): void;
  /** Everything in flight has been answered after the stream was asked to end. */
  ended(stream: Stream, reason: ClosedMessage['reason']): void;
  /** An answer has been made: credits may be granted, and a connection that leaves may be done. */
  progressed(): void;
  /** An error goes to the client: it is counted, and logged where it is this program's fault. */
  telling(error: TidegateError): void;
}

interface Answer {
  readonly frame: Frame;
  readonly credits: 0 | 1;
}

export interface StreamPlan {
  readonly open: OpenMessage;
  readonly stateful: boolean;
  /** 0: not batched, every message is one row. */
  readonly max_batch: number;
  readonly credits: number;
  readonly row_reply_bytes: number;
  /** Unique on this node: what its state is known by. */
  readonly sequence_id: string;
  /** Of the connection's upgrade request. */
  readonly traceparent: string;
}

/** One stream of a connection: credits, what is in flight, the order of answers, and the model's state if it keeps any. */
export class Stream {
  readonly number: number;
  /** Credits that went out with no answer yet to return them; the connection grants them when its buffer has room. */
  owed = 0;
  readonly #plan: StreamPlan;
  readonly #target: InferTarget;
  readonly #outputs: readonly RequestedOutput[] | undefined;
  readonly #outlet: StreamOutlet;
  readonly #order = new OrderBuffer<Answer>();
  readonly #pending = new Set<PendingMessage>();
  readonly #byId = new Map<string, PendingMessage>();
  readonly #prefix: readonly [string, string];
  #credits: number;
  #rowReplyBytes: number;
  #unsent = 0;
  #hasState = false;
  #ending: ClosedMessage['reason'] | undefined;

  constructor(plan: StreamPlan, outlet: StreamOutlet) {
    const { open, traceparent } = plan;
    this.#plan = plan;
    this.#outlet = outlet;
    this.number = open.stream;
    this.#target = { model: open.model, version: open.version === undefined ? '' : String(open.version), traceparent };
    this.#outputs = requestedOutputs(open);
    this.#credits = plan.credits;
    this.#rowReplyBytes = plan.row_reply_bytes;
    const prefix = `{"type":"result","stream":${open.stream},"credits":`;
    this.#prefix = [`${prefix}0,`, `${prefix}1,`];
  }

  /** Messages whose answers have not been sent. */
  get in_flight(): number {
    return this.#unsent;
  }

  get ending(): boolean {
    return this.#ending !== undefined;
  }

  /** An inference message. Whatever is wrong with it becomes its answer. `unread` is the fault that its envelope stopped at. */
  infer(message: MessageBytes, envelope: Envelope, arrived_us: number, unread?: TidegateError): void {
    this.#credits--;
    this.#unsent++;
    const pending = new PendingMessage(this, this.#order.take(), envelope.id ?? '');
    this.#pending.add(pending);
    try {
      if (unread !== undefined) throw unread;
      const request = this.#request(message, pending);
      pending.ticket = this.#outlet.inference.infer(request, pending, 'websocket', arrived_us);
      if (this.#plan.stateful) this.#hasState = !request.sequence_end;
    } catch (error) {
      if (pending.id === '') {
        envelope.findId();
        pending.id = envelope.id ?? '';
      }
      this.failed(pending, asTidegateError(error));
    }
  }

  get has_credit(): boolean {
    return this.#credits > 0;
  }

  answered(pending: PendingMessage, reply: InferReply): void {
    const { shape } = pending;
    const credits = this.#outlet.paused ? 0 : 1;
    if (shape === undefined) return;
    let frame: Frame;
    try {
      frame = resultFrame(this.#prefix[credits] + loggedMember(reply), encodeReply(shape, reply));
    } catch (error) {
      this.failed(pending, asTidegateError(error));
      return;
    }
    if (pending.rows > 0) this.#rowReplyBytes = frame.length / pending.rows;
    this.#finish(pending, { frame, credits });
  }

  failed(pending: PendingMessage, error: TidegateError): void {
    this.#outlet.telling(error);
    const credits = this.#outlet.paused ? 0 : 1;
    // Without its state a stateful stream has nothing left to do; the error says so, and the stream ends behind it.
    if (this.#plan.stateful && error.code === 'SEQUENCE_NOT_FOUND') this.#ending ??= 'state_lost';
    const frame = errorFrame(error, { stream: this.number, id: pending.id, credits });
    this.#finish(pending, { frame, credits });
  }

  /** Cancels one message, or all. One that has been answered already is not there any more, which is no error. */
  cancel(id: string | undefined): void {
    const named = id === undefined ? [...this.#pending] : [this.#byId.get(id)];
    for (const pending of named) {
      if (pending === undefined || !this.#pending.has(pending)) continue;
      pending.ticket?.cancel();
      this.failed(pending, new TidegateError('CANCELLED', 'cancelled by the client'));
    }
  }

  /** No more messages; ends once everything in flight is answered. */
  close(): void {
    this.#ending ??= 'requested';
    this.#endIfDone();
  }

  /** The connection is gone: nothing will be answered. */
  abandon(): void {
    for (const pending of this.#pending) pending.ticket?.cancel();
    this.#pending.clear();
    this.#byId.clear();
    this.#dropState();
  }

  /** Takes back the credits that are owed; the caller tells the client. */
  grant(): number {
    const credits = this.owed;
    this.owed = 0;
    this.#credits += credits;
    return credits;
  }

  #request(message: MessageBytes, pending: PendingMessage): InferRequest {
    const { limits } = this.#outlet;
    const read = parseInferRequest(message.bytes, message.json_bytes, this.#target, limits);
    this.#name(pending, read.id);
    if (this.#outlet.leaving) {
      throw new TidegateError('SHUTTING_DOWN', 'this node is shutting down: connect to another', {
        retry_after_ms: 1000,
      });
    }
    const request = this.#completed(read);
    pending.shape = replyShape(request);
    this.#expect(pending, request);
    return request;
  }

  #name(pending: PendingMessage, id: string): void {
    if (id.length > WS_MAX_ID_LENGTH) {
      throw new TidegateError(
        'INVALID_REQUEST',
        `'id' has ${id.length} characters, at most ${WS_MAX_ID_LENGTH} are allowed`,
      );
    }
    pending.id = id;
    if (id === '') {
      if (this.#plan.open.order === 'ordered') return;
      throw new TidegateError(
        'INVALID_REQUEST',
        "messages of a stream of order 'ready' need an 'id', or their answers could not be told apart",
      );
    }
    if (this.#byId.has(id)) {
      throw new TidegateError('INVALID_REQUEST', `a message with the id '${id}' is in flight on this stream already`);
    }
    this.#byId.set(id, pending);
  }

  /** The message with what the stream was opened with, and with the stream's state. */
  #completed(read: InferRequest): InferRequest {
    const { open, stateful, sequence_id } = this.#plan;
    if (stateful && read.sequence_id !== '') {
      throw new TidegateError(
        'INVALID_PARAMETER',
        "a stateful stream is its own sequence: leave 'sequence_id' out, or send the request over HTTP",
      );
    }
    return {
      ...read,
      outputs: read.outputs ?? this.#outputs,
      binary_output: read.binary_output || open.parameters?.binary_data_output === true,
      priority: read.priority > 0 ? read.priority : (open.parameters?.priority ?? 0),
      timeout_us: read.timeout_us > 0 ? read.timeout_us : (open.timeout_us ?? 0),
      sequence_id: stateful ? sequence_id : read.sequence_id,
      sequence_start: stateful ? read.sequence_start || !this.#hasState : read.sequence_start,
    };
  }

  #expect(pending: PendingMessage, request: InferRequest): void {
    const { max_batch } = this.#plan;
    // More rows than the model takes are refused by admission, with a better message than the one below.
    const rows = max_batch > 0 && request.inputs.length > 0 ? Math.min(request.inputs[0].shape[0] ?? 1, max_batch) : 1;
    const bytes = Math.ceil(rows * this.#rowReplyBytes);
    if (!this.#outlet.expect(bytes)) {
      throw new TidegateError(
        'QUEUE_FULL',
        `the answers of this connection take too much memory: with this one (about ${bytes} bytes) unsent and expected ones would pass four times the limit ws_buffered_bytes (${this.#outlet.limits.ws_buffered_bytes}). Read faster, send fewer rows at once, or raise the limit`,
        { retry_after_ms: 100 },
      );
    }
    pending.rows = rows;
    pending.expected_bytes = bytes;
  }

  #finish(pending: PendingMessage, answer: Answer): void {
    if (!this.#pending.delete(pending)) return;
    if (this.#byId.get(pending.id) === pending) this.#byId.delete(pending.id);
    this.#outlet.unexpect(pending.expected_bytes);
    if (this.#plan.open.order === 'ready') {
      this.#send(answer);
    } else {
      if (this.#order.waits(pending.place)) this.#outlet.hold(answer.frame.length);
      this.#order.fill(pending.place, answer, (next, waited) => {
        if (waited) this.#outlet.hold(-next.frame.length);
        this.#send(next);
      });
    }
    this.#endIfDone();
    this.#outlet.progressed();
  }

  #send(answer: Answer): void {
    this.#unsent--;
    if (answer.credits === 1) {
      this.#credits++;
    } else {
      this.owed++;
      this.#outlet.owe(this);
    }
    this.#outlet.send(answer.frame);
  }

  #endIfDone(): void {
    if (this.#ending === undefined || this.#unsent > 0) return;
    this.#dropState();
    this.#outlet.ended(this, this.#ending);
  }

  #dropState(): void {
    if (!this.#hasState) return;
    this.#hasState = false;
    this.#outlet.inference.endSequence(this.#target.model, this.#plan.sequence_id);
  }
}

function requestedOutputs(open: OpenMessage): readonly RequestedOutput[] | undefined {
  if (open.outputs === undefined || open.outputs.length === 0) return undefined;
  return open.outputs.map(({ name, parameters }) => ({
    name,
    binary: parameters?.binary_data,
    classification: parameters?.classification ?? 0,
  }));
}
