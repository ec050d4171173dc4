import type { Datatype } from '../../../contract/datatype.js';
import type { BackendEvent, LoadOrder } from '../messages.js';

/** A tensor in this thread's own memory. `data` is little-endian, row-major; BYTES are an array of strings. */
export interface BackendTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: Uint8Array | readonly string[];
}

/** One loaded version in one thread. A new kind of model or device is one file that implements this. */
export interface BackendSession {
  readonly device: string;
  /** Why it runs somewhere else than it was ordered to; absent: it does not. */
  readonly device_reason?: string;
  /** Runs once. May be synchronous: the thread has nothing else to do. `wanted` names the outputs to return, in this order. */
  run(inputs: readonly BackendTensor[], wanted: readonly string[]): BackendTensor[] | Promise<BackendTensor[]>;
  release(): void | Promise<void>;
}

export interface Backend {
  /** `tell`: what happens to the device while batches run, for whoever counts it. */
  load(order: LoadOrder, tell: (event: BackendEvent) => void): Promise<BackendSession>;
}

/** The process that held the model is gone, and the batch with it: nothing is wrong with the batch, and it may be sent again. */
export class BackendLost extends Error {
  override readonly name = 'BackendLost';
}
