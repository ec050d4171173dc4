import { asTidegateError, type ErrorCode, TidegateError } from '../../contract/error.js';
import type { Limits } from '../../contract/limits.js';
import type { ClosedMessage, OpenMessage } from '../../contract/ws-message.js';
import { now_us } from '../../std/clock.js';
import type { Inference } from '../admission/inference.js';
import type { ModelCatalog } from '../model/served-version.js';
import type { WebSocketConnection } from '../socket/face.js';
import { readControl } from './control.js';
import { controlFrame, Envelope, errorFrame, type Frame, type MessageBytes, messageBytes } from './frame.js';
import { Outbox } from './outbox.js';
import { callerSignature, initialCredits, onTheWire, replyRoom, rowReplyBytes } from './reply-size.js';
import { Stream, type StreamOutlet } from './stream.js';

/** The part of a logger that this face needs. */
export interface WebSocketLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface ConnectionParts {
  readonly catalog: ModelCatalog;
  readonly inference: Inference;
  readonly limits: Limits;
  readonly log: WebSocketLog;
  readonly told?: (code: ErrorCode) => void;
  /** A name for the state of a new stream, unique on this node. */
  readonly nextSequenceId: () => string;
  readonly traceparent: string;
}

const CLOSE_GOING_AWAY = 1001;
/** A client that does not answer the closing handshake must not keep the node from stopping. */
const CLOSING_MS = 1000;

/**
 * One client. What it can make the server remember is bounded: streams by their limit, messages by credits, answers by the room
 * for them; and whoever wants answers beyond that without reading them is dropped.
 */
export class Connection implements StreamOutlet {
  readonly inference: Inference;
  readonly limits: Limits;
  readonly #parts: ConnectionParts;
  readonly #socket: WebSocketConnection;
  readonly #outbox: Outbox;
  readonly #streams = new Map<number, Stream>();
  readonly #owing = new Set<Stream>();
  readonly #room: number;
  #heldBytes = 0;
  #expectedBytes = 0;
  #isOpen = true;
  #isLeaving = false;
  #closingTimer: NodeJS.Timeout | undefined;

  constructor(socket: WebSocketConnection, parts: ConnectionParts) {
    this.#socket = socket;
    this.#outbox = new Outbox(socket, parts.limits.ws_buffered_bytes);
    this.#parts = parts;
    this.inference = parts.inference;
    this.limits = parts.limits;
    this.#room = replyRoom(parts.limits);
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Bytes of answers that were made and not handed to the operating system yet. */
  get unsent_bytes(): number {
    return this.#outbox.bytes + this.#heldBytes;
  }

  get paused(): boolean {
    return this.unsent_bytes > this.limits.ws_buffered_bytes;
  }

  get leaving(): boolean {
    return this.#isLeaving;
  }

  /** Never throws: whatever comes is answered, or ends the connection. */
  received(frame: Uint8Array, binary: boolean): void {
    if (!this.#isOpen) return;
    const arrived_us = now_us();
    let envelope: Envelope | undefined;
    try {
      const message = messageBytes(frame, binary);
      envelope = new Envelope(message, this.limits.max_json_depth);
      let unread: TidegateError | undefined;
      try {
        envelope.read();
      } catch (error) {
        unread = asTidegateError(error);
      }
      if (envelope.type === 'infer' && envelope.stream >= 0) this.#infer(message, envelope, arrived_us, unread);
      else if (unread !== undefined) throw unread;
      else this.#control(message, envelope);
    } catch (error) {
      this.#refuse(asTidegateError(error), envelope);
    }
    this.progressed();
  }

  drained(): void {
    if (this.#isOpen) this.#outbox.flush();
    this.progressed();
  }

  /** The socket is gone: nothing that is in flight has a reader any more. */
  closed(): void {
    this.#isOpen = false;
    clearTimeout(this.#closingTimer);
    for (const stream of this.#streams.values()) stream.abandon();
    this.#streams.clear();
    this.#owing.clear();
    this.#outbox.clear();
  }

  goingAway(deadline_ms: number): void {
    if (!this.#isOpen) return;
    this.#isLeaving = true;
    this.send(controlFrame({ type: 'going_away', deadline_ms }));
    this.#leaveIfDone();
  }

  /**
   * Answers that turn out much larger than expected may pass the room, as long as the client reads; one that leaves more than a
   * largest message unread on top of it is dropped.
   */
  send(frame: Frame): void {
    if (!this.#isOpen) return;
    if (this.unsent_bytes > this.#room + this.limits.ws_max_message_bytes) this.#drop();
    else this.#outbox.send(frame);
  }

  owe(stream: Stream): void {
    this.#owing.add(stream);
  }

  hold(bytes: number): void {
    this.#heldBytes += bytes;
  }

  expect(bytes: number): boolean {
    const taken = this.#expectedBytes + this.unsent_bytes;
    // One message always fits, however large its answer: else it never could be answered at all.
    if (taken > 0 && taken + bytes > this.#room) return false;
    this.#expectedBytes += bytes;
    return true;
  }

  unexpect(bytes: number): void {
    this.#expectedBytes -= bytes;
  }

  ended(stream: Stream, reason: ClosedMessage['reason']): void {
    if (!this.#streams.delete(stream.number)) return;
    this.#owing.delete(stream);
    this.send(controlFrame({ type: 'closed', stream: stream.number, reason }));
  }

  telling(error: TidegateError): void {
    this.#parts.told?.(error.code);
    if (error.code !== 'INTERNAL') return;
    this.#parts.log.error({ connection: this.#socket.id, err: error.cause ?? error }, 'a WebSocket message failed');
  }

  #infer(message: MessageBytes, envelope: Envelope, arrived_us: number, unread: TidegateError | undefined): void {
    const stream = this.#streams.get(envelope.stream);
    if (stream === undefined || stream.ending) throw notOpen(envelope.stream);
    if (!stream.has_credit) {
      throw new TidegateError(
        'CREDIT_EXCEEDED',
        `stream ${envelope.stream} has no credits left: send no more until answers or a 'credit' message bring some`,
      );
    }
    stream.infer(message, envelope, arrived_us, unread);
  }

  #control(message: MessageBytes, envelope: Envelope): void {
    const control = readControl(message, envelope.type, this.limits.max_json_depth);
    switch (control.type) {
      case 'open':
        this.#open(control);
        break;
      case 'cancel':
        this.#streamOf(control.stream).cancel(control.id);
        break;
      case 'close':
        this.#streamOf(control.stream).close();
        break;
      case 'ping':
        this.#sendUnasked(controlFrame({ type: 'pong', ...(control.id === undefined ? {} : { id: control.id }) }));
        break;
    }
  }

  #streamOf(number: number): Stream {
    const stream = this.#streams.get(number);
    if (stream === undefined) throw notOpen(number);
    return stream;
  }

  #open(open: OpenMessage): void {
    const { limits } = this;
    if (this.#isLeaving) throw new TidegateError('SHUTTING_DOWN', 'this node is shutting down: connect to another');
    if (this.#streams.has(open.stream)) {
      throw new TidegateError('PROTOCOL_VIOLATION', `stream ${open.stream} is open already: choose another number`);
    }
    if (this.#streams.size >= limits.ws_max_streams) {
      throw new TidegateError(
        'TOO_MANY_STREAMS',
        `this connection has ${this.#streams.size} streams open, which is its limit ws_max_streams: close some or open another connection`,
      );
    }
    const version = this.#parts.catalog.resolve(open.model, open.version === undefined ? '' : String(open.version));
    const { inputs, outputs } = callerSignature(version);
    const { max_batch } = version.batching;
    const row_reply_bytes = rowReplyBytes(outputs, max_batch > 0, open.parameters?.binary_data_output === true);
    const credits = initialCredits(limits, row_reply_bytes);
    const stateful = version.manifest.state.length > 0;
    const { nextSequenceId, traceparent } = this.#parts;
    const plan = { open, stateful, max_batch, credits, row_reply_bytes, sequence_id: nextSequenceId(), traceparent };
    const stream = new Stream(plan, this);
    this.#streams.set(open.stream, stream);
    this.#sendUnasked(
      controlFrame({
        type: 'opened',
        stream: open.stream,
        model: version.model,
        version: String(version.version),
        order: open.order,
        credits,
        stateful,
        inputs: inputs.map(onTheWire),
        outputs: outputs.map(onTheWire),
      }),
    );
  }

  #refuse(error: TidegateError, envelope: Envelope | undefined): void {
    this.telling(error);
    if (envelope?.type === 'infer') envelope.findId();
    const stream = envelope !== undefined && envelope.stream >= 0 ? envelope.stream : undefined;
    this.#sendUnasked(errorFrame(error, { stream, id: envelope?.id }));
  }

  /**
   * Sends what no credit paid for. A client that goes on asking for such answers while it reads nothing is dropped without a closing
   * handshake: its frame would wait behind everything that is not read.
   */
  #sendUnasked(frame: Frame): void {
    if (this.unsent_bytes <= this.#room) {
      this.send(frame);
      return;
    }
    this.#drop();
  }

  #drop(): void {
    this.#parts.log.warn(
      { connection: this.#socket.id, unsent_bytes: this.unsent_bytes, limit_bytes: this.#room },
      'dropped a WebSocket that asks but does not read',
    );
    this.#socket.terminate();
    this.closed();
  }

  /** After anything that may have changed what is in flight or unsent. */
  progressed(): void {
    if (!this.#isOpen) return;
    if (this.#owing.size > 0 && !this.paused) this.#grantOwed();
    if (this.#isLeaving) this.#leaveIfDone();
  }

  #grantOwed(): void {
    for (const stream of this.#owing) {
      this.#owing.delete(stream);
      const credits = stream.grant();
      this.send(controlFrame({ type: 'credit', stream: stream.number, credits }));
    }
  }

  /** Streams stay in the map: their state is dropped when the socket has closed. */
  #leaveIfDone(): void {
    if (!this.#outbox.isEmpty) return;
    for (const stream of this.#streams.values()) if (stream.in_flight > 0) return;
    this.#isOpen = false;
    this.#closingTimer = setTimeout(() => this.#socket.terminate(), CLOSING_MS);
    this.#socket.close(CLOSE_GOING_AWAY, 'the node is shutting down');
  }
}

function notOpen(stream: number): TidegateError {
  return new TidegateError('PROTOCOL_VIOLATION', `stream ${stream} is not open: send an 'open' message first`);
}
