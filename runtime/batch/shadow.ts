import { now_us } from '../../std/clock.js';
import type { Backlog } from './backlog.js';
import type { Entry } from './entry.js';
import type { ModelQueue } from './model-queue.js';
import type { RequestPlan } from './request-plan.js';
import { NO_MEMORY, offsetOf, type SlabArena, segmentOf } from './slab-arena.js';

/** Copies that may wait for one shadow: what comes while so many do is not copied. A shadow that is too slow sees a part of the requests. */
const MOST_WAITING = 256;
/** Share of the memory for requests above which nothing is copied: it is the callers'. */
const MOST_MEMORY = 0.5;

/** Nobody waits for what a shadow says; its log has it. */
const NOBODY = { answered: () => undefined, failed: () => undefined };

/** Whether a request of one version, as it lies in memory, is one of the other. */
export function takesTheSame(a: RequestPlan, b: RequestPlan): boolean {
  if (a.stateful || b.stateful || a.inputs.length !== b.inputs.length) return false;
  return a.inputs.every((input, index) => {
    const other = b.inputs[index];
    return input.name === other.name && input.datatype === other.datatype && input.shape.join() === other.shape.join();
  });
}

/**
 * Gives every shadow of a version a copy of a request whose caller has just had its answer. Called before the request's memory is freed. Copies are the first to
 * go when there is no room: they are counted as shed, and nothing else notices.
 */
export function copyToShadows(entry: Entry, arena: SlabArena, most_bytes: number, backlog: Backlog): void {
  for (const { queue, sameInputs, sameNotes } of entry.queue.shadows) {
    const isFull = queue.open_requests >= MOST_WAITING || arena.used_bytes > most_bytes * MOST_MEMORY;
    const address = !sameInputs || isFull || queue.links.length === 0 ? NO_MEMORY : arena.allocate(entry.bytes);
    if (address === NO_MEMORY) {
      queue.shed++;
      continue;
    }
    const from = arena.views(segmentOf(entry.address)).u8;
    const start = offsetOf(entry.address);
    arena.views(segmentOf(address)).u8.set(from.subarray(start, start + entry.bytes), offsetOf(address));
    const at_us = now_us();
    backlog.submit({
      phase: 'waiting',
      waiter: NOBODY,
      queue,
      lane: queue.lane(
        0,
        shapeKey(entry),
        entry.lane.shapes.map((shape) => ({ shape })),
      ),
      face: entry.face,
      rows: entry.rows,
      address,
      bytes: entry.bytes,
      inputBytes: entry.inputBytes,
      arrived_us: at_us,
      admitted_us: at_us,
      deadline_us: Number.POSITIVE_INFINITY,
      sequence: undefined,
      endsSequence: false,
      alone: false,
      // The same id in both records: that is how they are compared.
      note: sameNotes ? entry.note : undefined,
    });
  }
}

/** Requests that share a batch: the same shapes but for the rows. */
function shapeKey({ queue, lane }: Entry): string {
  if (!queue.plan.variable) return '';
  const first = queue.plan.max_batch > 0 ? 1 : 0;
  return lane.shapes.map((shape) => shape.slice(first).join('x')).join(';');
}

/** Which part each version of a model plays from now on, and who copies to whom. */
export function arrange(
  parts: readonly { readonly queue: ModelQueue; readonly variant: ModelQueue['variant'] }[],
): void {
  const shadows = parts.filter(({ variant }) => variant === 'shadow').map(({ queue }) => queue);
  for (const { queue, variant } of parts) {
    queue.variant = variant;
    queue.shadows =
      variant === 'shadow'
        ? []
        : shadows.map((shadow) => ({
            queue: shadow,
            sameInputs: takesTheSame(queue.plan, shadow.plan),
            sameNotes: shadow.log !== undefined && queue.log !== undefined && shadow.log.takesNotesOf(queue.log),
          }));
  }
}
