import type { Manifest } from '../../contract/manifest.js';
import type { Batching, ModelSignature } from '../../contract/signature.js';
import type { ThreadChoice } from './session-threads.js';

/** Triton's names for the states of a version, as the repository index reports them. */
export type VersionState = 'UNAVAILABLE' | 'LOADING' | 'READY' | 'UNLOADING';

/** One version that requests may be admitted to. Immutable: a reload makes a new one with a new handle. */
export interface ServedVersion {
  /** Unique in this process, small, never reused: what travels between threads instead of names. */
  readonly handle: number;
  readonly model: string;
  readonly version: number;
  /** Absolute path of the artefact (`model.onnx`). */
  readonly artefact: string;
  readonly signature: ModelSignature;
  readonly batching: Batching;
  readonly manifest: Manifest;
  /** Worker threads that hold it. */
  readonly instances: number;
  /** Threads of one run, and why so many; absent: what the manifest says. */
  readonly threads?: ThreadChoice;
  /** What it runs on, decided from the manifest; absent: the CPU. */
  readonly device?: string;
  /** One sentence for people: why this device. */
  readonly device_reason?: string;
  /** Where the libraries of the device lie; absent: it needs none. */
  readonly device_home?: string;
  /** Whether the CPU is taken where the model does not run on the device. */
  readonly may_fall_back?: boolean;
  /** Bytes of the artefact and its external data, times instances: what it counts against the memory budget. */
  readonly memory_bytes: number;
  /** The Triton model configuration that the load was overridden with, as it was sent. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** What runs a version. */
export interface RunningDevice {
  /** `cpu`, `webgpu`, `cuda[:n]` or `tensorrt[:n]`. */
  readonly device: string;
  /** One sentence for people: why this one. */
  readonly device_reason: string;
}

export interface LoadReport {
  readonly load_ms: number;
  readonly warmup_ms: number;
  /** The device that really runs it. */
  readonly device: string;
  /** Why it is another one than was ordered; '': it is not. */
  readonly device_reason: string;
}

/** What the repository asks of the threads that run models. Implemented by `batch/dispatcher.ts`. */
export interface ModelHost {
  /** From now on requests may be queued for this version; none runs before `load` is done. */
  announce(version: ServedVersion): void;
  /** Loads and warms the version in its workers. Rejects with MODEL_LOAD_FAILED and the backend's reason. */
  load(version: ServedVersion, signal: AbortSignal): Promise<LoadReport>;
  /** Whether requests wait or run, or sequences hold state. A version that is busy must not be evicted. */
  busy(handle: number): boolean;
  /** Resolves when nothing waits or runs any more and no sequence holds state, or after `timeout_ms`: what is left then fails with MODEL_NOT_READY. */
  drain(handle: number, timeout_ms: number): Promise<void>;
  /** Frees the version's memory in every worker. The queue stays: `load` may follow (eviction), or `forget`. */
  unload(handle: number): Promise<void>;
  /** Why a loaded version takes no requests any more, if so: its worker threads died again and again. */
  refusal(handle: number): Error | undefined;
  /** Which part each of these versions of one model plays; requests of the others are copied to its shadows. Absent: nobody has shadows here. */
  arrange?(parts: readonly { readonly handle: number; readonly variant: 'champion' | 'canary' | 'shadow' }[]): void;
  /** Fails whatever still waits with `reason`, and drops the queue. */
  forget(handle: number, reason: Error): void;
}

export interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: VersionState;
  readonly reason: string;
}

export interface LoadOverride {
  /** A manifest or a Triton model configuration as JSON text, used instead of `model.yaml` until the next load without it. */
  readonly config?: string;
  /** Files by `<version>/<name>`, used instead of the directory's. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

/** What the faces and admission ask of the models on this node. Implemented by `model/repository.ts`. */
export interface ModelCatalog {
  /**
   * The version that serves a request: `version` is a number in decimal, a label, or '' for the default (the highest one ready).
   * A version that is not in memory starts to load. Throws MODEL_NOT_FOUND or MODEL_NOT_READY. On the request path: no allocation
   * in the usual case. `key`: where weights decide, requests with the same key get the same version; only a fleet has weights.
   */
  resolve(model: string, version: string, key?: string): ServedVersion;
  /** Like `resolve`, without starting anything and without touching the order of eviction. */
  describe(model: string, version: string): ServedVersion;
  /** Which part a version plays in its fleet: champion, canary, shadow; '' on its own. Absent: this node belongs to no fleet. */
  roleOf?(model: string, version: string): string;
  /** Versions of a model that answer now, ascending. Throws MODEL_NOT_FOUND. */
  versions(model: string): readonly number[];
  ready(model: string, version: string): boolean;
  /** Every model that is served, by name. */
  models(): readonly string[];
  index(): readonly IndexEntry[];
  load(model: string, override: LoadOverride): Promise<void>;
  unload(model: string): Promise<void>;
  /** Everything that should be served at start has loaded or failed. */
  readonly settled: boolean;
  /** Bytes counted against the budget now, and the budget. */
  memory(): { readonly used_bytes: number; readonly budget_bytes: number };
}
