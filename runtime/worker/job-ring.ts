import { SlabViews } from '../codec/slab-views.js';

/**
 * The shared memory between the socket thread and one worker thread: two job slots and a few counters. While the worker runs one
 * job the next may already lie in the other slot. A slot holds a job's description on the way in and its result on the way out.
 *
 *   counters   Int32: SUBMITTED, COMPLETED, WAKE, SLEEPING, CONTROL
 *   slot       HEADER ints, then the entries on the way in, or the outputs on the way out
 *
 * SUBMITTED and WAKE are written by the socket thread, COMPLETED and SLEEPING by the worker. Job n lies in slot n % SLOTS, and is
 * written only after job n − SLOTS was consumed.
 */
export const SLOTS = 2;
export const COUNTER = { SUBMITTED: 0, COMPLETED: 1, WAKE: 2, SLEEPING: 3, CONTROL: 4 } as const;
const COUNTER_INTS = 16;

/** Int32 indices in a slot. AREA counts the output areas that the slot has had: a result may be there before the message with its area. */
export const JOB = { HANDLE: 0, ROWS: 1, ENTRIES: 2, STATUS: 4, OUTPUTS: 5, ERROR_BYTES: 6, AREA: 7 } as const;
/** LOST: nothing is wrong with the batch, but what ran it is gone. */
export const STATUS = { OK: 0, FAILED: 1, LOST: 2 } as const;
/** Float64 indices from the slot's TIMES offset, all in microseconds. */
export const TIME = { COMPUTE_INPUT: 0, COMPUTE_INFER: 1, COMPUTE_OUTPUT: 2 } as const;
const TIMES_INT = 8;
export const BODY_INT = 16;
/** Entry: segment, offset, rows, state segment, state offset, next-state segment, next-state offset; then a byte length for each input. */
export const ENTRY = {
  SEGMENT: 0,
  OFFSET: 1,
  ROWS: 2,
  STATE_SEGMENT: 3,
  STATE_OFFSET: 4,
  NEXT_SEGMENT: 5,
  NEXT_OFFSET: 6,
} as const;
export const ENTRY_INTS = 7;

const SLOT_INTS = 32 * 1024;
/** Ints that descriptions of entries, dims and outputs may take in one slot. */
export const BODY_INTS = SLOT_INTS - BODY_INT;

export function ringBytes(): number {
  return (COUNTER_INTS + SLOTS * SLOT_INTS) * 4;
}

export class JobRing {
  readonly buffer: SharedArrayBuffer;
  readonly counters: Int32Array;
  readonly slots: readonly Int32Array[];
  readonly times: readonly Float64Array[];

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(ringBytes())) {
    this.buffer = buffer;
    this.counters = new Int32Array(buffer, 0, COUNTER_INTS);
    const offsets = Array.from({ length: SLOTS }, (_, slot) => (COUNTER_INTS + slot * SLOT_INTS) * 4);
    this.slots = offsets.map((offset) => new Int32Array(buffer, offset, SLOT_INTS));
    this.times = offsets.map((offset) => new Float64Array(buffer, offset + TIMES_INT * 4, 4));
  }
}

/** The worker's memory for results, one for each slot. It grows; the socket thread learns of a new one by message. */
export function outputArea(bytes: number): SlabViews {
  let size = 64 * 1024;
  while (size < bytes) size *= 2;
  return new SlabViews(new SharedArrayBuffer(size));
}
