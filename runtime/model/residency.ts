/** A version that takes memory now. */
export interface Resident {
  readonly handle: number;
  readonly bytes: number;
  /** May be evicted at all: loaded, not pinned, not the one that a swap is about to replace. */
  readonly evictable: boolean;
  /** Requests wait or run, or sequences hold state. */
  readonly busy: boolean;
  /** Counts up with every use: the smallest was used longest ago. */
  readonly touched: number;
}

export type Room =
  | { readonly type: 'room'; readonly evict: readonly number[] }
  /** Something in the way is busy or on its way out: there may be room later. */
  | { readonly type: 'wait'; readonly short_bytes: number }
  /** There never will be: it is larger than what is not pinned. */
  | { readonly type: 'never'; readonly short_bytes: number };

/**
 * Whom to evict for `needed` bytes: the least recently used first, no more than necessary, never who may not go or is busy.
 * `residents` leaves out whom an earlier answer evicted.
 */
export function makeRoom(budget: number, needed: number, residents: readonly Resident[], fixed_bytes: number): Room {
  const used = residents.reduce((sum, resident) => sum + resident.bytes, 0);
  let short = used + needed - budget;
  if (short <= 0) return { type: 'room', evict: [] };
  if (needed + fixed_bytes > budget) return { type: 'never', short_bytes: needed + fixed_bytes - budget };
  const candidates = residents
    .filter((resident) => resident.evictable && !resident.busy)
    .sort((a, b) => a.touched - b.touched);
  const evict: Resident[] = [];
  for (const resident of candidates) {
    if (short <= 0) break;
    evict.push(resident);
    short -= resident.bytes;
  }
  if (short > 0) return { type: 'wait', short_bytes: short };
  return { type: 'room', evict: withoutNeedless(evict, -short).map((resident) => resident.handle) };
}

/** Old and small ones may have been chosen before a large one that would have done alone: those stay. */
function withoutNeedless(evict: readonly Resident[], spare_bytes: number): readonly Resident[] {
  let spare = spare_bytes;
  return evict
    .toReversed()
    .filter((resident) => {
      if (resident.bytes === 0 || resident.bytes > spare) return resident.bytes !== 0;
      spare -= resident.bytes;
      return false;
    })
    .toReversed();
}
