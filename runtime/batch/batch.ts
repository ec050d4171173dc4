import { BODY_INT, BODY_INTS, ENTRY, ENTRY_INTS, JOB } from '../worker/job-ring.js';
import type { Entry } from './entry.js';
import type { ModelQueue } from './model-queue.js';
import type { RequestPlan } from './request-plan.js';
import { offsetOf, segmentOf } from './slab-arena.js';

/** Entries that run together. */
export interface Batch {
  readonly queue: ModelQueue;
  readonly entries: readonly Entry[];
  readonly rows: number;
  readonly started_us: number;
  /** What the queue was charged for it. */
  readonly expected_us: number;
}

/** How many entries one job can describe. */
export function maxEntries(plan: RequestPlan): number {
  const shapes = plan.inputs.reduce((ints, input) => ints + 1 + input.shape.length, 0);
  return Math.floor((BODY_INTS - shapes) / (ENTRY_INTS + plan.inputs.length));
}

/** Describes a batch in a ring's slot: see worker/job-ring.ts for the layout. */
export function writeJob(job: Int32Array, { queue, entries, rows }: Batch): void {
  const { plan } = queue;
  job[JOB.HANDLE] = queue.version.handle;
  job[JOB.ROWS] = rows;
  job[JOB.ENTRIES] = entries.length;
  let at = BODY_INT;
  for (const shape of entries[0].lane.shapes) {
    job[at++] = shape.length;
    for (let axis = 0; axis < shape.length; axis++) job[at++] = axis === 0 && plan.max_batch > 0 ? rows : shape[axis];
  }
  for (const entry of entries) {
    const { sequence } = entry;
    job[at + ENTRY.SEGMENT] = segmentOf(entry.address);
    job[at + ENTRY.OFFSET] = offsetOf(entry.address);
    job[at + ENTRY.ROWS] = entry.rows;
    if (sequence !== undefined) {
      job[at + ENTRY.STATE_SEGMENT] = segmentOf(sequence.current);
      job[at + ENTRY.STATE_OFFSET] = offsetOf(sequence.current);
      job[at + ENTRY.NEXT_SEGMENT] = segmentOf(sequence.next);
      job[at + ENTRY.NEXT_OFFSET] = offsetOf(sequence.next);
    }
    at += ENTRY_INTS;
    for (const bytes of entry.inputBytes) job[at++] = bytes;
  }
}
