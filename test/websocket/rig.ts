import assert from 'node:assert/strict';
import type { Datatype } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { InferReply, InferRequest, OutputTensor } from '../../contract/inference.js';
import { DEFAULT_LIMITS, type Limits } from '../../contract/limits.js';
import { ManifestSchema } from '../../contract/manifest.js';
import { type ServerMessage, ServerMessageSchema } from '../../contract/ws-message.js';
import type { Inference, Ticket, Waiter } from '../../runtime/admission/inference.js';
import { SlabViews } from '../../runtime/codec/slab-views.js';
import { decodeTensor, tensorByteLength } from '../../runtime/codec/tensor-decode.js';
import type { ModelCatalog, ServedVersion } from '../../runtime/model/served-version.js';
import type { WebSocketConnection } from '../../runtime/socket/face.js';
import { createWebSocketFace, type StreamingFace } from '../../runtime/websocket/websocket-face.js';
import { messageOf } from './frames.js';

export { binaryFrame, infer, messageOf } from './frames.js';

type TensorOf = readonly [name: string, datatype: Datatype, shape: number[]];

interface RigModel {
  readonly inputs: readonly TensorOf[];
  readonly outputs: readonly TensorOf[];
  readonly max_batch: number;
  readonly state?: readonly { input: string; output: string }[];
  readonly labels?: Record<string, string[]>;
}

const X: TensorOf = ['x', 'FP32', [-1, 2]];

/** Models of the rig: `echo` answers its input as `y`; `counter` keeps a running sum; `text` echoes strings; `wide` has large rows. */
export const MODELS: Readonly<Record<string, RigModel>> = {
  echo: { inputs: [X], outputs: [['y', 'FP32', [-1, 2]]], max_batch: 8, labels: { y: ['calm', 'storm'] } },
  text: { inputs: [['x', 'BYTES', [-1, 1]]], outputs: [['y', 'BYTES', [-1, 1]]], max_batch: 8 },
  longs: { inputs: [['x', 'INT64', [-1, 2]]], outputs: [['y', 'INT64', [-1, 2]]], max_batch: 8 },
  counter: {
    inputs: [X, ['sum', 'FP32', [-1, 2]]],
    outputs: [
      ['y', 'FP32', [-1, 2]],
      ['next_sum', 'FP32', [-1, 2]],
    ],
    max_batch: 8,
    state: [{ input: 'sum', output: 'next_sum' }],
  },
  wide: { inputs: [['x', 'FP32', [-1, 65536]]], outputs: [['y', 'FP32', [-1, 65536]]], max_batch: 8 },
};

function served(model: string, version: number, handle: number): ServedVersion {
  const { inputs, outputs, max_batch, state = [], labels = {} } = MODELS[model];
  const spec = ([name, datatype, shape]: TensorOf) => ({ name, datatype, shape, symbols: shape.map(() => '') });
  return {
    handle,
    model,
    version,
    artefact: '',
    signature: { inputs: inputs.map(spec), outputs: outputs.map(spec) },
    batching: { max_batch, reason: 'test' },
    manifest: ManifestSchema.parse({ state, labels }),
    instances: 1,
    memory_bytes: 0,
  };
}

/** Knows the rig's models, in versions 1 and 2 (labels `old` and `stable`). */
export class RigCatalog implements ModelCatalog {
  readonly settled = true;

  resolve(model: string, version: string): ServedVersion {
    if (!Object.hasOwn(MODELS, model)) {
      throw new TidegateError('MODEL_NOT_FOUND', `Request for unknown model: '${model}' is not found`);
    }
    const number = { '': 2, '1': 1, '2': 2, old: 1, stable: 2 }[version];
    if (number === undefined) {
      throw new TidegateError('MODEL_NOT_FOUND', `Request for unknown model: '${model}' has no version '${version}'`);
    }
    return served(model, number, number);
  }
  describe(model: string, version: string): ServedVersion {
    return this.resolve(model, version);
  }
  versions(): readonly number[] {
    return [1, 2];
  }
  ready(): boolean {
    return true;
  }
  models(): readonly string[] {
    return Object.keys(MODELS);
  }
  index(): readonly [] {
    return [];
  }
  async load(): Promise<void> {}
  async unload(): Promise<void> {}
  memory(): { readonly used_bytes: number; readonly budget_bytes: number } {
    return { used_bytes: 0, budget_bytes: 0 };
  }
}

export interface Held {
  readonly request: InferRequest;
  readonly waiter: Waiter;
  readonly outputs: OutputTensor[];
}

/**
 * An inference that copies the tensors at once, as admission does, and answers when told to (or by itself, a little later, when
 * `automatic`). Output `y` is input `x`; `counter` adds up per sequence. Its views die after the callback, as shared memory does.
 */
export class EchoInference implements Inference {
  readonly held: Held[] = [];
  readonly ended: string[] = [];
  readonly requests: InferRequest[] = [];
  readonly sums = new Map<string, Float32Array>();
  readonly #catalog: ModelCatalog;
  automatic = false;
  refusal: TidegateError | undefined;
  /** Makes `x` much larger in the answer. */
  grow = 1;

  constructor(catalog: ModelCatalog) {
    this.#catalog = catalog;
  }

  infer(request: InferRequest, waiter: Waiter): Ticket {
    if (this.refusal !== undefined) throw this.refusal;
    this.#catalog.resolve(request.model, request.version);
    const x = request.inputs.find(({ name }) => name === 'x');
    if (x === undefined) throw new TidegateError('INVALID_TENSOR_NAME', "missing required input 'x'");
    const length = tensorByteLength(request.source, x);
    const memory = new SlabViews(new SharedArrayBuffer(Math.max((length + 7) & ~7, 8)));
    decodeTensor(request.source, x, memory, 0);
    const bytes = memory.u8.subarray(0, length);
    this.requests.push(request);
    if (request.model === 'counter') this.#count(request, memory.f32);
    const grown = new Uint8Array(length * this.grow);
    for (let i = 0; i < this.grow; i++) grown.set(bytes, i * length);
    const shape = [x.shape[0] * this.grow, ...x.shape.slice(1)];
    const held: Held = { request, waiter, outputs: [{ name: 'y', datatype: x.datatype, shape, bytes: grown }] };
    this.held.push(held);
    if (this.automatic) setImmediate(() => this.answer(held));
    return { cancel: () => this.#drop(held) };
  }

  endSequence(model: string, sequence_id: string): void {
    this.ended.push(`${model}/${sequence_id}`);
    this.sums.delete(sequence_id);
  }

  answer(held: Held): void {
    if (!this.#drop(held)) return;
    const { model, version } = held.request;
    const { version: number, manifest } = this.#catalog.resolve(model, version);
    held.waiter.answered({
      model,
      version: String(number),
      outputs: held.outputs,
      labels: manifest.labels,
      times: { queue_us: 1, compute_input_us: 1, compute_infer_us: 1, compute_output_us: 1 },
      batch_rows: 1,
      batched: true,
    } satisfies InferReply);
    for (const { bytes } of held.outputs) bytes.fill(0xee);
  }

  fail(held: Held, error: TidegateError): void {
    if (this.#drop(held)) held.waiter.failed(error);
  }

  answerAll(): void {
    for (const held of [...this.held]) this.answer(held);
  }

  #drop(held: Held): boolean {
    const at = this.held.indexOf(held);
    if (at >= 0) this.held.splice(at, 1);
    return at >= 0;
  }

  #count(request: InferRequest, values: Float32Array): void {
    const known = request.sequence_start ? new Float32Array(2) : this.sums.get(request.sequence_id);
    if (known === undefined) throw new TidegateError('SEQUENCE_NOT_FOUND', 'the sequence was never started');
    known[0] += values[0];
    known[1] += values[1];
    values.set(known);
    this.sums.set(request.sequence_id, known);
  }
}

/** A client's end without a network: keeps what was sent, and can stop reading. */
export class Recorder implements WebSocketConnection {
  static #ids = 0;
  readonly id = ++Recorder.#ids;
  readonly frames: (string | Uint8Array)[] = [];
  readonly face: StreamingFace;
  reading = true;
  buffered_bytes = 0;
  most_unsent_bytes = 0;
  closed: { readonly code: number; readonly reason: string } | undefined;
  terminated = false;
  #taken = 0;

  constructor(face: StreamingFace) {
    this.face = face;
    face.opened(this, { traceparent: '' });
  }

  send(frame: string | Uint8Array): boolean {
    // Bytes are consumed at once, as a socket does: what is behind them may change later.
    this.frames.push(typeof frame === 'string' ? frame : Uint8Array.from(frame));
    if (!this.reading) this.buffered_bytes += frame.length;
    return this.buffered_bytes === 0;
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
    this.face.closed(this, code);
  }

  terminate(): void {
    this.terminated = true;
    this.face.closed(this, 1006);
  }

  /** Reads everything that waits. */
  read(): void {
    this.reading = true;
    this.buffered_bytes = 0;
    this.face.drained(this);
  }

  say(message: unknown): void {
    this.sayText(JSON.stringify(message));
  }

  sayText(text: string): void {
    this.sayBytes(Buffer.from(text), false);
  }

  /** The frame is overwritten afterwards, as a socket reuses its memory. */
  sayBytes(bytes: Uint8Array, binary: boolean): void {
    const frame = Uint8Array.from(bytes);
    this.face.received(this, frame, binary);
    this.most_unsent_bytes = Math.max(this.most_unsent_bytes, this.face.unsent_bytes);
    frame.fill(0xee);
  }

  /** Messages since the last call, the JSON part of binary ones. */
  heard(): ServerMessage[] {
    const fresh = this.frames.slice(this.#taken).map(messageOf);
    this.#taken = this.frames.length;
    return fresh;
  }
}

export interface Rig {
  readonly face: StreamingFace;
  readonly inference: EchoInference;
  readonly client: Recorder;
  readonly faults: unknown[];
}

export function rig(limits: Partial<Limits> = {}): Rig {
  const catalog = new RigCatalog();
  const inference = new EchoInference(catalog);
  const faults: unknown[] = [];
  const log = { debug() {}, warn() {}, error: (fields: unknown) => faults.push(fields) };
  const face = createWebSocketFace({ catalog, inference, limits: { ...DEFAULT_LIMITS, ...limits }, log });
  return { face, inference, client: new Recorder(face), faults };
}

/** Opens stream 1 on `echo`, or what the message says; the server's answer. */
export function open(client: Recorder, message: Record<string, unknown> = {}): ServerMessage {
  client.say({ type: 'open', stream: 1, model: 'echo', ...message });
  const [answer] = client.heard();
  ServerMessageSchema.parse(answer);
  return answer;
}

/** The one error that was sent since the last look. */
export function refusal(client: Recorder): Extract<ServerMessage, { type: 'error' }> {
  const heard = client.heard();
  assert.equal(heard.length, 1, JSON.stringify(heard));
  const [error] = heard;
  assert.equal(error.type, 'error');
  ServerMessageSchema.parse(error);
  return error as Extract<ServerMessage, { type: 'error' }>;
}
