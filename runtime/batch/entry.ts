import type { FaceName, Waiter } from '../admission/inference.js';
import type { RequestNote } from '../predict-log/request-note.js';
import type { Lane } from './lane.js';
import type { ModelQueue } from './model-queue.js';
import type { Sequence } from './sequence.js';
import type { Address } from './slab-arena.js';

/** `held`: waits for the request before it of the same sequence; `answered`: its answer waits for the prediction log's disk. */
export type EntryPhase = 'held' | 'waiting' | 'running' | 'answered' | 'done';

/** One admitted request, from its permit to its answer. Its tensors lie in shared memory; it owns that block until it is done. */
export interface Entry {
  phase: EntryPhase;
  /** undefined once the caller left: the answer, if one still comes, goes nowhere. */
  waiter: Waiter | undefined;
  readonly queue: ModelQueue;
  readonly lane: Lane;
  readonly face: FaceName;
  readonly rows: number;
  readonly address: Address;
  readonly bytes: number;
  /** Byte length of each input, in the order of the plan; inputs follow each other at multiples of 8. */
  readonly inputBytes: readonly number[];
  readonly arrived_us: number;
  readonly admitted_us: number;
  /** On the clock of `now_us`; Infinity: none. */
  readonly deadline_us: number;
  readonly sequence: Sequence | undefined;
  readonly endsSequence: boolean;
  /** Set after a batch with company failed: runs alone, so that one caller's values cannot fail another's request. */
  alone: boolean;
  /** undefined: the prediction log does not want it. */
  readonly note?: RequestNote | undefined;
}
