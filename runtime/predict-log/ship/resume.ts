import type { SpoolPosition } from '../spool-state.js';
import type { Checkpoint } from './checkpoint.js';

/** A segment that lies in the spool, with the life of the node that wrote it. */
export interface SegmentOfLife {
  readonly number: number;
  readonly epoch: number;
}

/**
 * Where a new shipper begins. Usually where the checkpoint says; but numbers of segments begin again when every file is gone, and then a
 * small number is a new segment, not a shipped one: the life that wrote it tells. `segments` ascend.
 */
export function resumePosition(checkpoint: Checkpoint | undefined, segments: readonly SegmentOfLife[]): SpoolPosition {
  const start = { segment: segments[0]?.number ?? 0, offset: 0 };
  if (checkpoint === undefined) return start;
  const { position, epoch } = checkpoint;
  const newer = segments.find((segment) => segment.epoch > epoch);
  if (newer !== undefined && newer.number <= position.segment) return { segment: newer.number, offset: 0 };
  return position;
}
