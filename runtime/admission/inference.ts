import type { TidegateError } from '../../contract/error.js';
import type { InferReply, InferRequest } from '../../contract/inference.js';

/**
 * Sequence ids of streams begin with this; ids of callers never do (digits, or `s:` and text). Their state lives as long as the stream,
 * however long that is silent.
 */
export const STREAM_SEQUENCE_PREFIX = 'ws:';

export type FaceName = 'http' | 'websocket';

/** Who waits for an answer. Exactly one of the two is called, once, later than `infer` returned; neither after `cancel`. */
export interface Waiter {
  /** Views in `reply` are valid only during this call. */
  answered(reply: InferReply): void;
  failed(error: TidegateError): void;
}

export interface Ticket {
  /** The caller left: what has not started is dropped before it costs anything. Harmless after the answer. */
  cancel(): void;
}

/** The one verb of the data plane: every face calls it, nothing else runs a model. Implemented by `admission/admission.ts`. */
export interface Inference {
  /**
   * Checks the request against the model's signature, takes the permits, copies the tensors into shared memory and queues it.
   * Throws a TidegateError when it cannot be admitted; then nothing was taken and the waiter is never called.
   * `arrived_us` is `now_us()` at the first byte; deadlines count from it.
   */
  infer(request: InferRequest, waiter: Waiter, face: FaceName, arrived_us: number): Ticket;
  /** Drops the state of a sequence; what still waits of it is cancelled. */
  endSequence(model: string, sequence_id: string): void;
}
