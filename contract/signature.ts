import type { Datatype } from './datatype.js';

/** One input or output of a model. `shape` is the whole shape, batch dimension included; -1 is a variable dimension. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** The symbolic name of each dimension as the model file gives it; '' where it is fixed or unnamed. */
  readonly symbols: readonly string[];
}

export interface ModelSignature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** Why rows of different requests may, or may not, share one run of the model. */
export interface Batching {
  /** 0: the model is served as it is, one request a run. Otherwise the most rows of one run. */
  readonly max_batch: number;
  /** One sentence for people: which rule decided. */
  readonly reason: string;
}
