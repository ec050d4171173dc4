import type { DesiredState } from '../../contract/desired-state.js';

type Content = Pick<DesiredState, 'placements' | 'pinned' | 'limits'>;

/**
 * The next record of a desired state, for a compare-and-set over the revision of `current`; undefined: a leader of a later term has written, so this one
 * has been replaced without having noticed, and must not. The epoch grows by one with every change: that is what nodes fence by.
 */
export function fencedWrite(
  current: DesiredState | undefined,
  term: number,
  content: Content,
): DesiredState | undefined {
  if (current !== undefined && current.term > term) return undefined;
  return { ...current, ...content, v: 1, epoch: (current?.epoch ?? 0) + 1, term };
}
