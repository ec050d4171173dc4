import { fileURLToPath } from 'node:url';
import type { Datatype } from '../../contract/datatype.js';
import type { TidegateError } from '../../contract/error.js';
import { TidegateError as Failure } from '../../contract/error.js';
import type { InferReply, InferRequest, RequestTensor } from '../../contract/inference.js';
import { DEFAULT_LIMITS, type Limits } from '../../contract/limits.js';
import { type Manifest, ManifestSchema } from '../../contract/manifest.js';
import { Admission } from '../../runtime/admission/admission.js';
import { Sequences } from '../../runtime/admission/sequences.js';
import { Host } from '../../runtime/batch/host.js';
import type { ModelCatalog, ServedVersion } from '../../runtime/model/served-version.js';
import type { Observer } from '../../runtime/observe/observer.js';
import { now_us } from '../../std/clock.js';

/** Admission, queues and real worker threads over a fixed list of versions: the data plane without sockets and folders. */

export interface RigModel {
  readonly name: string;
  readonly artefact: string;
  readonly inputs: readonly [name: string, datatype: Datatype, shape: number[]][];
  readonly outputs: readonly [name: string, datatype: Datatype, shape: number[]][];
  readonly max_batch: number;
  readonly manifest?: Partial<Manifest>;
}

export function fixture(path: string): string {
  return fileURLToPath(new URL(`../../../test/fixtures/${path}`, import.meta.url));
}

export const ADD_SUB: RigModel = {
  name: 'add_sub_int32',
  artefact: fixture('triton/models/add_sub_int32/1/model.onnx'),
  inputs: [
    ['INPUT0', 'INT32', [-1, 16]],
    ['INPUT1', 'INT32', [-1, 16]],
  ],
  outputs: [
    ['OUTPUT0', 'INT32', [-1, 16]],
    ['OUTPUT1', 'INT32', [-1, 16]],
  ],
  max_batch: 8,
};

export const IDENTITY_BYTES: RigModel = {
  name: 'identity_bytes',
  artefact: fixture('triton/models/identity_bytes/1/model.onnx'),
  inputs: [['INPUT0', 'BYTES', [-1, -1]]],
  outputs: [['OUTPUT0', 'BYTES', [-1, -1]]],
  max_batch: 8,
};

export class CountingObserver implements Observer {
  executions: { rows: number; requests: number }[] = [];
  failures: TidegateError[] = [];
  lost: string[] = [];
  admitted(): void {}
  executed(_version: ServedVersion, rows: number, requests: number): void {
    this.executions.push({ rows, requests });
  }
  succeeded(): void {}
  failed(_version: ServedVersion, _face: string, error: TidegateError): void {
    this.failures.push(error);
  }
  backendEvent(): void {}
  workerLost(_worker: number, reason: string): void {
    this.lost.push(reason);
  }
}

export class Rig {
  readonly observer = new CountingObserver();
  readonly host: Host;
  readonly admission: Admission;
  readonly sequences: Sequences;
  readonly #versions = new Map<string, ServedVersion>();
  #handles = 0;

  constructor(
    options: {
      workers?: number;
      max_threads?: number;
      spin_us?: number;
      poll_us?: number;
      inline_us?: number;
      limits?: Partial<Limits>;
    } = {},
  ) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.host = new Host(
      {
        workers: options.workers ?? 1,
        max_threads: options.max_threads ?? 8,
        spin_us: options.spin_us ?? 0,
        poll_us: options.poll_us ?? 50,
        inline_us: options.inline_us ?? 0,
        limits,
      },
      this.observer,
    );
    this.sequences = new Sequences(this.host.arena, limits);
    this.admission = new Admission({
      catalog: this.#catalog(),
      host: this.host,
      sequences: this.sequences,
      observer: this.observer,
      max_queue_bytes: limits.max_queue_bytes,
    });
  }

  /** Announces a version; it answers once `load` is done. */
  announce(model: RigModel, instances = 1): ServedVersion {
    const spec = ([name, datatype, shape]: readonly [string, Datatype, number[]]) => ({
      name,
      datatype,
      shape,
      symbols: shape.map(() => ''),
    });
    const version: ServedVersion = {
      handle: ++this.#handles,
      model: model.name,
      version: 1,
      artefact: model.artefact,
      signature: { inputs: model.inputs.map(spec), outputs: model.outputs.map(spec) },
      batching: { max_batch: model.max_batch, reason: 'fixed by the test' },
      manifest: { ...ManifestSchema.parse({}), ...model.manifest },
      instances,
      memory_bytes: 0,
    };
    this.host.announce(version);
    this.#versions.set(model.name, version);
    return version;
  }

  async load(version: ServedVersion): Promise<void> {
    await this.host.load(version, new AbortController().signal);
  }

  async serve(model: RigModel, instances = 1): Promise<ServedVersion> {
    const version = this.announce(model, instances);
    await this.load(version);
    return version;
  }

  infer(request: InferRequest): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.admission.infer(
        request,
        { answered: (reply) => resolve(copyReply(reply)), failed: reject },
        'http',
        now_us(),
      );
    });
  }

  async stop(): Promise<void> {
    this.sequences.stop();
    await this.host.stop(10_000);
  }

  #catalog(): ModelCatalog {
    const find = (model: string): ServedVersion => {
      const version = this.#versions.get(model);
      if (version === undefined)
        throw new Failure('MODEL_NOT_FOUND', `Request for unknown model: '${model}' is not found`);
      return version;
    };
    return {
      resolve: find,
      describe: find,
      versions: (model) => [find(model).version],
      ready: (model) => this.#versions.has(model),
      models: () => [...this.#versions.keys()],
      index: () => [],
      load: () => Promise.resolve(),
      unload: () => Promise.resolve(),
      settled: true,
      memory: () => ({ used_bytes: 0, budget_bytes: 0 }),
    };
  }
}

export interface Answer {
  readonly outputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly bytes: Buffer }[];
  readonly batch_rows: number;
}

function copyReply(reply: InferReply): Answer {
  return {
    outputs: reply.outputs.map(({ name, shape, bytes }) => ({ name, shape, bytes: Buffer.from(bytes) })),
    batch_rows: reply.batch_rows,
  };
}

export interface RequestOptions {
  readonly priority?: number;
  readonly timeout_us?: number;
  readonly sequence_id?: string;
  readonly sequence_start?: boolean;
  readonly sequence_end?: boolean;
}

/** A request with binary tensors. */
export function request(
  model: string,
  tensors: readonly [name: string, datatype: Datatype, shape: number[], bytes: Uint8Array][],
  options: RequestOptions = {},
): InferRequest {
  const source = Buffer.concat(tensors.map(([, , , bytes]) => bytes));
  let start = 0;
  const inputs = tensors.map(([name, datatype, shape, bytes]): RequestTensor => {
    const elements = shape.reduce((product, dim) => product * dim, 1);
    const tensor = { name, datatype, shape, elements, encoding: 'binary' as const, start, end: start + bytes.length };
    start += bytes.length;
    return tensor;
  });
  return {
    model,
    version: '',
    id: '',
    source,
    inputs,
    outputs: undefined,
    binary_output: true,
    priority: options.priority ?? 0,
    timeout_us: options.timeout_us ?? 0,
    sequence_id: options.sequence_id ?? '',
    sequence_start: options.sequence_start ?? false,
    sequence_end: options.sequence_end ?? false,
  };
}

/** INPUT0 holds `value` and what follows it, INPUT1 ones. */
export function addSubRequest(value: number, rows = 1, options: RequestOptions = {}): InferRequest {
  const a = Int32Array.from({ length: 16 * rows }, (_, i) => value + i);
  const b = new Int32Array(16 * rows).fill(1);
  return request(
    'add_sub_int32',
    [
      ['INPUT0', 'INT32', [rows, 16], new Uint8Array(a.buffer)],
      ['INPUT1', 'INT32', [rows, 16], new Uint8Array(b.buffer)],
    ],
    options,
  );
}
