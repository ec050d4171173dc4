import { after } from 'node:test';
import { TidegateError as Refusal } from '../../contract/error.js';
import type { InferReply, InferRequest } from '../../contract/inference.js';
import { DEFAULT_LIMITS, type Limits } from '../../contract/limits.js';
import { DEFAULT_MANIFEST } from '../../contract/manifest.js';
import type { TensorSpec } from '../../contract/signature.js';
import type { Inference, Ticket, Waiter } from '../../runtime/admission/inference.js';
import { SlabViews } from '../../runtime/codec/slab-views.js';
import { decodeTensor, tensorByteLength } from '../../runtime/codec/tensor-decode.js';
import type { RequestFields } from '../../runtime/http/dependencies.js';
import { createHttpFace } from '../../runtime/http/http-face.js';
import type { IndexEntry, LoadOverride, ModelCatalog, ServedVersion } from '../../runtime/model/served-version.js';
import type { Socket } from '../../runtime/socket/face.js';
import { openSocket, type SocketName } from '../socket/rig.js';

function tensor(name: string): TensorSpec {
  return { name, datatype: 'FP32', shape: [-1, 4], symbols: ['batch', ''] };
}

function echoVersion(model: string, version: number): ServedVersion {
  return {
    handle: version,
    model,
    version,
    artefact: `/nowhere/${model}/${version}/model.onnx`,
    signature: { inputs: [tensor('x')], outputs: [tensor('y')] },
    batching: { max_batch: 8, reason: 'the test says so' },
    manifest: DEFAULT_MANIFEST,
    instances: 1,
    memory_bytes: 1,
  };
}

/** Models that echo: `echo` in versions 1 and 2, and one with a name that must be quoted in paths. */
export class EchoCatalog implements ModelCatalog {
  readonly settled = true;
  readonly loads: [string, LoadOverride][] = [];
  readonly unloads: string[] = [];
  readonly #versions: ReadonlyMap<string, readonly ServedVersion[]> = new Map([
    ['echo', [echoVersion('echo', 1), echoVersion('echo', 2)]],
    ['ä/b', [echoVersion('ä/b', 1)]],
  ]);

  resolve(model: string, version: string): ServedVersion {
    return this.describe(model, version);
  }

  describe(model: string, version: string): ServedVersion {
    const versions = this.#versions.get(model);
    if (versions === undefined) {
      throw new Refusal('MODEL_NOT_FOUND', `Request for unknown model: '${model}' is not found`);
    }
    const found = version === '' ? versions.at(-1) : versions.find((one) => String(one.version) === version);
    if (found !== undefined) return found;
    throw new Refusal('MODEL_NOT_FOUND', `Request for unknown model: '${model}' version ${version} is not found`);
  }

  versions(model: string): readonly number[] {
    this.describe(model, '');
    return (this.#versions.get(model) ?? []).map((one) => one.version);
  }

  ready(model: string, version: string): boolean {
    return (this.#versions.get(model) ?? []).some((one) => version === '' || String(one.version) === version);
  }

  models(): readonly string[] {
    return [...this.#versions.keys()];
  }

  index(): readonly IndexEntry[] {
    return [
      { name: 'echo', version: '1', state: 'READY', reason: '' },
      { name: 'broken', version: '1', state: 'UNAVAILABLE', reason: 'corrupt' },
    ];
  }

  async load(model: string, override: LoadOverride): Promise<void> {
    if (model === 'nothing')
      throw new Refusal('MODEL_LOAD_FAILED', "failed to load 'nothing', there is no such folder");
    this.loads.push([model, override]);
  }

  async unload(model: string): Promise<void> {
    this.unloads.push(model);
  }

  memory(): { readonly used_bytes: number; readonly budget_bytes: number } {
    return { used_bytes: 0, budget_bytes: 0 };
  }
}

/** Answers input `x` as output `y` in a later turn. The request ids `hold` and `full` wait, and are refused. */
export class EchoInference implements Inference {
  cancelled = 0;
  held = 0;

  infer(request: InferRequest, waiter: Waiter): Ticket {
    if (request.id === 'full') throw new Refusal('QUEUE_FULL', 'Exceeds maximum queue size', { retry_after_ms: 1500 });
    if (request.id === 'fail') return later(() => waiter.failed(new Refusal('BACKEND_FAILED', 'it broke')));
    if (request.id === 'bug') throw new TypeError('a secret of the program');
    if (request.id === 'hold') {
      this.held++;
      return { cancel: () => void this.cancelled++ };
    }
    const reply = echo(request);
    return later(() => waiter.answered(reply));
  }

  endSequence(): void {
    throw new Error('not a sequence');
  }
}

function later(action: () => void): Ticket {
  const immediate = setImmediate(action);
  return { cancel: () => clearImmediate(immediate) };
}

function echo(request: InferRequest): InferReply {
  const [input] = request.inputs;
  if (input === undefined) throw new Refusal('INVALID_TENSOR_NAME', 'an input is missing');
  const length = tensorByteLength(request.source, input);
  const slab = new SlabViews(new SharedArrayBuffer(Math.ceil(length / 8) * 8));
  decodeTensor(request.source, input, slab, 0);
  return {
    model: request.model,
    version: request.version === '' ? '2' : request.version,
    outputs: [{ name: 'y', datatype: input.datatype, shape: input.shape, bytes: slab.u8.subarray(0, length) }],
    labels: {},
    times: { queue_us: 0, compute_input_us: 0, compute_infer_us: 0, compute_output_us: 0 },
    batch_rows: 1,
    batched: true,
  };
}

export interface HttpRig {
  readonly socket: Socket;
  readonly base: string;
  readonly catalog: EchoCatalog;
  readonly inference: EchoInference;
  readonly requests: RequestFields[];
  readonly errors: unknown[];
  ready: boolean;
}

export async function httpRig(name: SocketName, limits: Partial<Limits> = {}): Promise<HttpRig> {
  const catalog = new EchoCatalog();
  const inference = new EchoInference();
  const requests: RequestFields[] = [];
  const errors: unknown[] = [];
  const holder: { socket?: Socket; ready: boolean } = { ready: true };
  const face = createHttpFace({
    catalog,
    inference,
    limits: { ...DEFAULT_LIMITS, ...limits },
    server: { name: 'tidegate', version: '1.2.3', socketKind: () => holder.socket?.kind ?? '' },
    statistics: (model, version) => ({ model_stats: [{ name: model ?? 'all', version: version ?? 'all' }] }),
    metrics: () => '# nothing\n',
    ready: () => holder.ready,
    log: {
      error: (fields) => errors.push(fields.error),
      request: (fields) => requests.push(fields),
    },
  });
  const socket = await openSocket(name, face, limits);
  holder.socket = socket;
  after(() => socket.destroy());
  return {
    socket,
    base: `http://127.0.0.1:${socket.port}`,
    catalog,
    inference,
    requests,
    errors,
    get ready() {
      return holder.ready;
    },
    set ready(value) {
      holder.ready = value;
    },
  };
}

export function echoBody(values: readonly number[], extra: Readonly<Record<string, unknown>> = {}): string {
  const x = { name: 'x', datatype: 'FP32', shape: [values.length / 4, 4], data: values };
  return JSON.stringify({ ...extra, inputs: [x] });
}
