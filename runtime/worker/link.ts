import type { SlabViews } from '../codec/slab-views.js';
import type { JobRing } from './job-ring.js';

/** Where batches of a model can run: a worker thread, or the socket thread itself. Jobs go in and results come out through a ring. */
export interface Link {
  /** Runs within `submit`, on the socket thread: it takes none of the node's permits. */
  readonly inline: boolean;
  readonly ring: JobRing;
  /** Memory of the results, by slot. */
  readonly outputs: readonly SlabViews[];
  /** Jobs that were submitted and, as far as `observe` saw, are not done. */
  readonly running: number;
  /** The slot that the next job is to be written into; -1 while every slot holds a job or an unread result. */
  readonly nextSlot: number;
  /** The slot of the oldest result that can be read; -1 when there is none. */
  readonly doneSlot: number;
  /** Looks how far the jobs are. Returns whether some were finished since the last look. */
  observe(): boolean;
  submit(): void;
  /** The result in `doneSlot` was read. */
  consume(): void;
}
