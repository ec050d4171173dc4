import type { FailureKind } from '../../../clickhouse/failure.js';

/** How the shipping of one life goes; plain values, so that it can travel between threads. */
export interface ShipperStatus {
  shipped_rows: number;
  shipped_batches: number;
  /** Times that the end of the spool was reached. */
  passes: number;
  /** Bytes of the spool that are still to be shipped. */
  lag_bytes: number;
  /** How long the oldest of them has waited since it was first seen. */
  lag_ms: number;
  /** Inserts that failed, by what the failure meant. */
  readonly failures: Record<FailureKind, number>;
  dead_letters: number;
  /** Dead letters for which the file had no room. */
  dead_letters_lost: number;
  damaged: number;
  damaged_bytes: number;
  unknown_records: number;
  unreadable_segments: number;
  /** Batches whose rows were found in the table after so long that their token may have been forgotten, and which were not sent again. */
  found_shipped: number;
  spec_failures: number;
  /** Why nothing can be shipped at the moment; '': it can. */
  blocked: FailureKind | '';
  last_error: string;
}

export function newStatus(): ShipperStatus {
  return {
    shipped_rows: 0,
    shipped_batches: 0,
    passes: 0,
    lag_bytes: 0,
    lag_ms: 0,
    failures: { unavailable: 0, schema: 0, access: 0, data: 0, unknown: 0 },
    dead_letters: 0,
    dead_letters_lost: 0,
    damaged: 0,
    damaged_bytes: 0,
    unknown_records: 0,
    unreadable_segments: 0,
    found_shipped: 0,
    spec_failures: 0,
    blocked: '',
    last_error: '',
  };
}
