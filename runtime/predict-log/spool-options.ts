import { TidegateError } from '../../contract/error.js';

/** When records reach the disk itself: see docs/prediction-log.md for what each can lose. */
export type SyncPolicy = 'each' | 'interval' | 'never';

/** What happens to a record for which the spool has no room. */
export type OverflowPolicy = 'drop_newest' | 'drop_oldest' | 'refuse';

export interface SpoolOptions {
  /** Folder of this node's spool; made where it is not there. */
  readonly directory: string;
  readonly node: string;
  /** Microseconds at the start of the process. */
  readonly epoch: number;
  readonly spool_bytes: number;
  readonly overflow: OverflowPolicy;
  readonly sync: SyncPolicy;
  readonly sync_ms: number;
  readonly log: SpoolLog;
}

export interface SpoolLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export type DropReason = 'newest' | 'oldest' | 'error' | 'too_large';

/** What became of records and files since the start. */
export interface SpoolCounters {
  records: number;
  bytes: number;
  readonly dropped: Record<DropReason, number>;
  writes: number;
  syncs: number;
  /** Failures of the file system, of writing or syncing. */
  errors: number;
  torn_tails: number;
  torn_bytes: number;
  deleted_segments: number;
}

export function zeroCounters(): SpoolCounters {
  return {
    records: 0,
    bytes: 0,
    dropped: { newest: 0, oldest: 0, error: 0, too_large: 0 },
    writes: 0,
    syncs: 0,
    errors: 0,
    torn_tails: 0,
    torn_bytes: 0,
    deleted_segments: 0,
  };
}

const MOST_SEGMENT_BYTES = 16 * 1024 * 1024;
const LEAST_SEGMENT_BYTES = 64 * 1024;
/** Whole segments are dropped and shipped: with this many of them the bound is met closely enough. */
const SEGMENTS_OF_A_SPOOL = 16;

export function segmentBytes(spool_bytes: number): number {
  return Math.max(LEAST_SEGMENT_BYTES, Math.min(MOST_SEGMENT_BYTES, Math.floor(spool_bytes / SEGMENTS_OF_A_SPOOL)));
}

export function spoolInUse(directory: string, pid: number): TidegateError {
  return new TidegateError(
    'INVALID_CONFIG',
    `the spool ${directory} is used by process ${pid}: give each node on a machine its own node_name, or its own data_dir`,
  );
}
