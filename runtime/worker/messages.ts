import type { Datatype } from '../../contract/datatype.js';
import type { ArtefactFormat } from '../model/artefact.js';

/** What crosses between the socket thread and a worker thread besides jobs: a closed list, both ways. */

/** One input of a model as its worker needs it. */
export interface WorkerTensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1: variable. */
  readonly shape: readonly number[];
  /** Axis along which rows of callers are put together; -1 when the model is not batched. */
  readonly batch_axis: number;
}

export interface WorkerState {
  readonly input: WorkerTensor;
  readonly output: string;
  /** Bytes of one row of the state. */
  readonly row_bytes: number;
}

export interface WorkerConstant {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Everything that a worker needs to load and run one version; plain data. */
export interface LoadOrder {
  readonly handle: number;
  readonly model: string;
  readonly version: number;
  readonly format: ArtefactFormat;
  readonly artefact: string;
  readonly artefact_bytes: number;
  /** Of a SavedModel, the signature that is served; '': the usual one. */
  readonly signature: string;
  readonly max_batch: number;
  readonly device: string;
  /** Where the libraries of the device lie; '' where it needs none. */
  readonly device_home: string;
  /** Whether the CPU is taken where the model does not run on the device. */
  readonly may_fall_back: boolean;
  readonly threads: number;
  readonly warmup: boolean;
  /** In the order in which jobs give them; state and constants are not among them. */
  readonly inputs: readonly WorkerTensor[];
  readonly states: readonly WorkerState[];
  readonly constants: readonly WorkerConstant[];
  /** In the order in which results give them; state outputs are not among them. */
  readonly outputs: readonly WorkerTensor[];
}

export type ToWorker =
  | { readonly type: 'load'; readonly id: number; readonly order: LoadOrder }
  | { readonly type: 'unload'; readonly id: number; readonly handle: number }
  | { readonly type: 'segment'; readonly segment: number; readonly buffer: SharedArrayBuffer }
  | { readonly type: 'segment-dropped'; readonly segment: number }
  /** Ends the thread when it has done its job: what is in native code cannot be interrupted without taking the process along. */
  | { readonly type: 'stop' }
  /** Makes the thread end by an uncaught error, as a fault would: for tests of what follows. */
  | { readonly type: 'die'; readonly reason: string };

/** What happened to the device of a version while it served. */
export type BackendEvent =
  /** The process that held it died, or was ended because it did not answer: another one follows. */
  | { readonly kind: 'process_lost' }
  /** A batch did not fit into its memory: from now on none has more rows than this. */
  | { readonly kind: 'out_of_memory'; readonly most_rows: number };

export type FromWorker =
  | { readonly type: 'ready' }
  | {
      readonly type: 'loaded';
      readonly id: number;
      readonly load_ms: number;
      readonly warmup_ms: number;
      /** How long the largest batch takes; Infinity where that depends on what callers send. */
      readonly full_batch_us: number;
      readonly device: string;
      /** Why it is another one than was ordered; '': it is not. */
      readonly device_reason: string;
    }
  | { readonly type: 'backend-event'; readonly handle: number; readonly event: BackendEvent }
  | { readonly type: 'load-failed'; readonly id: number; readonly reason: string }
  | { readonly type: 'unloaded'; readonly id: number }
  | { readonly type: 'output-area'; readonly slot: number; readonly buffer: SharedArrayBuffer }
  /** Results lie in the ring. Sent only when the socket thread may be asleep. */
  | { readonly type: 'completed' };

export interface WorkerData {
  readonly ring: SharedArrayBuffer;
  /** One Int32: 1 while a `completed` message is on its way, so that no second one is sent. */
  readonly doorbell: SharedArrayBuffer;
  readonly segments: readonly (readonly [number, SharedArrayBuffer])[];
  readonly spin_us: number;
}
