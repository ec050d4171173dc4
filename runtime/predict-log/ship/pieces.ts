import type { BatchPlan, Piece } from './checkpoint.js';

/** A batch with more rows that are refused than this is not poisoned: something else is wrong, and nothing more is given up. */
export const MOST_DEAD_OF_A_BATCH = 100;

/** The token of the whole batch, or one made from it: the same rows always go with the same token. */
export function tokenOf(plan: BatchPlan, [from, to]: Piece): string {
  return from === 0 && to === plan.rows ? plan.token : `${plan.token}:${from}-${to}`;
}

/** The plan without its first piece, which has been sent. */
export function sentFirst(plan: BatchPlan): BatchPlan {
  return { ...plan, pieces: plan.pieces.slice(1) };
}

/**
 * What to do after the first piece was refused for its values: halves of it, or without it where it is one row. It is written down before
 * a half is sent, and the piece is never sent as a whole again: ClickHouse could have changed its mind.
 */
export function refusedFirst(plan: BatchPlan): { readonly plan: BatchPlan; readonly poison?: Piece } {
  const [[from, to], ...others] = plan.pieces;
  if (to - from <= 1) return { plan: { ...plan, pieces: others, dead: plan.dead + 1 }, poison: [from, to] };
  const middle = from + ((to - from) >>> 1);
  return { plan: { ...plan, pieces: [[from, middle], [middle, to], ...others] } };
}
