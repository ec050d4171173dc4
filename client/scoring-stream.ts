import { AnswerQueue, type StreamAnswer } from './answer-queue.js';
import { cancelled, invalidArgument, TidegateClientError } from './error.js';
import { Gate } from './gate.js';
import {
  decodeError,
  decodeResult,
  encodeMessage,
  frameOf,
  type InferResult,
  type Inputs,
  type JsonObject,
} from './message.js';
import type { StreamMessageOptions, StreamOptions } from './stream-options.js';
import type { TensorSpec } from './tensor.js';

/** What a stream asks of its connection. */
export interface StreamLink {
  post(frame: string | Uint8Array<ArrayBuffer>): void;
  /** The stream is over; its number is free. */
  forget(stream: ScoringStream): void;
}

interface Call {
  readonly resolve: (result: InferResult) => void;
  readonly reject: (error: TidegateClientError) => void;
}

/** One stream of a connection. Never sends past the server's credits: calls wait for them. */
export class ScoringStream implements AsyncIterable<StreamAnswer> {
  readonly model: string;
  readonly number: number;
  /** Resolves when the server has opened the stream; rejects when it refuses. */
  readonly opened: Promise<void>;
  /** Known once opened. */
  version = '';
  stateful = false;
  inputs: readonly TensorSpec[] = [];
  outputs: readonly TensorSpec[] = [];
  readonly #options: StreamOptions;
  readonly #link: StreamLink;
  readonly #credits = new Gate(0);
  readonly #answers = new AnswerQueue();
  readonly #calls = new Map<string, Call>();
  #settleOpened: { resolve: () => void; reject: (error: TidegateClientError) => void } | undefined;
  #settleClosed: (() => void) | undefined;
  #lastId = 0;
  #isOpen = false;
  #wasOpen = false;
  #leaving = false;
  #end: TidegateClientError | undefined;

  constructor(model: string, number: number, options: StreamOptions, link: StreamLink) {
    this.model = model;
    this.number = number;
    this.#options = options;
    this.#link = link;
    this.opened = new Promise<void>((resolve, reject) => {
      this.#settleOpened = { resolve, reject };
    });
    // Who opened the stream waits for this; after a loss of connection nobody does.
    this.opened.catch(() => undefined);
  }

  /** Resolves when a message could be sent without waiting. */
  get ready(): Promise<void> {
    return this.#end === undefined ? this.#credits.available() : Promise.reject(this.#end);
  }

  /** Credits at hand: messages that can be sent at once. */
  get credits(): number {
    return this.#credits.permits;
  }

  get closed(): boolean {
    return this.#end !== undefined;
  }

  /** Sends a message as soon as there is a credit for it, and resolves with its answer. */
  async infer(inputs: Inputs, options: StreamMessageOptions = {}): Promise<InferResult> {
    const { id, frame } = await this.#encode(inputs, options);
    await this.#enter(options.signal);
    return new Promise<InferResult>((resolve, reject) => {
      this.#post(id, frame, { resolve, reject }, options.signal);
    });
  }

  /**
   * Sends a message whose answer comes out of `for await (const answer of stream)`. Resolves with its id once it is sent; waits
   * while there is no credit, or while as many answers as the stream has credits have not been read.
   */
  async send(inputs: Inputs, options: StreamMessageOptions = {}): Promise<string> {
    const { id, frame } = await this.#encode(inputs, options);
    await this.#answers.room.enter(options.signal);
    try {
      await this.#enter(options.signal);
    } catch (error) {
      this.#answers.room.add(1);
      throw error;
    }
    const call: Call = {
      resolve: (result) => this.#answers.give({ id, result }),
      reject: (error) => this.#answers.give({ id, error }),
    };
    this.#post(id, frame, call, options.signal);
    return id;
  }

  /** The answers to what `send` sent. Ends when the stream is closed and everything was read. */
  [Symbol.asyncIterator](): AsyncGenerator<StreamAnswer, void, undefined> {
    return this.#answers.read();
  }

  /** Waits for the answers in flight, then ends the stream, and the state of a stateful model with it. */
  async close(): Promise<void> {
    if (!this.#wasOpen) await this.opened.catch(() => undefined);
    if (this.#end !== undefined) return;
    const closed = new Promise<void>((resolve) => {
      this.#settleClosed = resolve;
    });
    this.#refuseWaiting(new TidegateClientError('CLOSED', 'the stream is being closed'));
    if (this.#isOpen) this.#link.post(JSON.stringify({ type: 'close', stream: this.number }));
    else this.fail(new TidegateClientError('CLOSED', 'the stream was closed'));
    await closed;
  }

  /** The message that opens the stream, first and after every reconnection. */
  get openMessage(): string {
    const { version, order, timeout_us, priority } = this.#options;
    return JSON.stringify({
      type: 'open',
      stream: this.number,
      model: this.model,
      ...(version === undefined ? {} : { version }),
      ...(order === undefined ? {} : { order }),
      ...(timeout_us === undefined ? {} : { timeout_us }),
      parameters: { binary_data_output: true, ...(priority === undefined ? {} : { priority }) },
    });
  }

  /** A message of the server for this stream; called by the connection. */
  hear(message: JsonObject, binary: Uint8Array): void {
    const { type, credits } = message;
    if (type === 'opened') {
      this.#hearOpened(message);
      return;
    }
    if (typeof credits === 'number' && !this.#leaving) this.#credits.add(credits);
    if (type === 'result' || type === 'error') this.#hearAnswer(message, binary);
    else if (type === 'closed') this.#hearClosed(message);
  }

  /** The server is about to leave: what is in flight is answered still, the rest waits for the next connection. */
  pause(): void {
    this.#leaving = true;
    this.#credits.reset(0);
  }

  /** The connection broke. Answers whether the stream is to be opened again on the next one. */
  lost(): boolean {
    const error = new TidegateClientError(
      'CONNECTION_LOST',
      'the connection broke while the message was in flight: whether it ran is not known',
    );
    this.#isOpen = false;
    this.#leaving = false;
    this.#credits.reset(0);
    this.#rejectCalls(error);
    if (this.#end !== undefined) return false;
    if (this.#settleClosed !== undefined) {
      this.fail(new TidegateClientError('CLOSED', 'the stream was closed'));
      return false;
    }
    if (this.stateful) {
      this.fail(new TidegateClientError('STATE_LOST', 'the connection broke, and the state of this stream with it'));
      return false;
    }
    return true;
  }

  /** Ends the stream: everybody who waits gets the error. */
  fail(error: TidegateClientError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#isOpen = false;
    this.#settleOpened?.reject(error);
    this.#rejectCalls(error);
    this.#refuseWaiting(error);
    this.#answers.end();
    this.#settleClosed?.();
    this.#link.forget(this);
  }

  /** Takes a credit. One that was given just before the connection broke is worth nothing: then the next one is waited for. */
  async #enter(signal: AbortSignal | undefined): Promise<void> {
    do {
      await this.#credits.enter(signal);
      if (this.#end !== undefined) throw this.#end;
    } while (!this.#isOpen);
  }

  async #encode(
    inputs: Inputs,
    options: StreamMessageOptions,
  ): Promise<{ readonly id: string; readonly frame: Uint8Array<ArrayBuffer> }> {
    if (this.#settleClosed !== undefined) throw new TidegateClientError('CLOSED', 'the stream is closed');
    if (this.#end !== undefined) throw this.#end;
    if (!this.#wasOpen) await this.opened;
    const id = String(++this.#lastId);
    const { restart, ...rest } = options;
    if (restart === true && !this.stateful) throw invalidArgument(`model '${this.model}' keeps no state to restart`);
    const sequence = restart === true ? { sequence_start: true } : undefined;
    const head = { type: 'infer', stream: this.number };
    return { id, frame: frameOf(encodeMessage(head, inputs, { ...rest, id, sequence }, this.inputs)) };
  }

  #post(id: string, frame: Uint8Array<ArrayBuffer>, call: Call, signal: AbortSignal | undefined): void {
    const abort = () => {
      if (!this.#calls.delete(id) || signal === undefined) return;
      this.#link.post(JSON.stringify({ type: 'cancel', stream: this.number, id }));
      call.reject(cancelled(signal));
    };
    const done = () => signal?.removeEventListener('abort', abort);
    this.#calls.set(id, {
      resolve: (result) => {
        done();
        call.resolve(result);
      },
      reject: (error) => {
        done();
        call.reject(error);
      },
    });
    signal?.addEventListener('abort', abort, { once: true });
    this.#link.post(frame);
  }

  #hearOpened(message: JsonObject): void {
    const { version, stateful, inputs, outputs, credits } = message;
    this.version = String(version);
    this.stateful = stateful === true;
    this.inputs = specsOf(inputs);
    this.outputs = specsOf(outputs);
    this.#isOpen = true;
    const window = typeof credits === 'number' ? credits : 1;
    if (!this.#wasOpen) this.#answers.open(window);
    this.#wasOpen = true;
    this.#credits.reset(window);
    this.#settleOpened?.resolve();
  }

  #hearAnswer(message: JsonObject, binary: Uint8Array): void {
    const { id, type } = message;
    if (typeof id !== 'string') {
      if (type === 'error' && !this.#isOpen) this.fail(decodeError(message));
      return;
    }
    const call = this.#calls.get(id);
    // One that was cancelled here is answered all the same.
    if (call === undefined) return;
    this.#calls.delete(id);
    if (type === 'error') {
      call.reject(decodeError(message));
      return;
    }
    try {
      call.resolve(decodeResult(message, binary));
    } catch (error) {
      if (!(error instanceof TidegateClientError)) throw error;
      call.reject(error);
    }
  }

  #hearClosed(message: JsonObject): void {
    this.fail(
      message['reason'] === 'state_lost'
        ? new TidegateClientError('STATE_LOST', 'the server dropped the state of this stream: open a new one')
        : new TidegateClientError('CLOSED', 'the stream was closed'),
    );
  }

  #rejectCalls(error: TidegateClientError): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.reject(error);
  }

  #refuseWaiting(error: TidegateClientError): void {
    this.#credits.refuseAll(error);
    this.#answers.room.refuseAll(error);
  }
}

function specsOf(value: unknown): TensorSpec[] {
  return Array.isArray(value) ? value : [];
}
