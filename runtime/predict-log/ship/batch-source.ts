import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { LoggedPrediction, RecordLayout } from '../logged-prediction.js';
import { segmentName } from '../segment-file.js';
import { SegmentReader, SegmentUnreadable } from '../segment-reader.js';
import { segmentsOf } from '../spool-directory.js';
import type { SpoolPosition, SpoolState } from '../spool-state.js';

/** What is read over and over: whoever gets a record may stop before it. */
export type Visit = (found: LoggedPrediction) => boolean;

export interface SourceCounters {
  damaged: number;
  damaged_bytes: number;
  unknown: number;
  unreadable_segments: number;
}

export interface Epoch {
  readonly node: string;
  readonly epoch: number;
}

/** Reads the records of a spool in order, across segments and lives of the node. One reader is kept open for where it stands. */
export class BatchSource {
  readonly directory: string;
  readonly counters: SourceCounters = { damaged: 0, damaged_bytes: 0, unknown: 0, unreadable_segments: 0 };
  readonly #state: SpoolState;
  #reader: SegmentReader | undefined;
  #number = -1;
  #layouts = new Map<number, RecordLayout>();
  #layoutsOf = -1;

  constructor(directory: string, state: SpoolState) {
    this.directory = directory;
    this.#state = state;
  }

  /** Which life of which node wrote the segment that the last read stood in. */
  get header(): Epoch | undefined {
    return this.#reader?.header;
  }

  /**
   * Shows each record from `from` on, up to `to`, or as far as the spool is written. Ends where `visit` returns false, which is asked
   * before the record counts as read, and where a segment of another life follows something that was read. Returns where it stands.
   */
  read(from: SpoolPosition, to: SpoolPosition | undefined, visit: Visit): SpoolPosition {
    let at = from;
    let read = false;
    for (;;) {
      const written = this.#state.written;
      const end = to ?? written;
      const segment = this.#segmentAt(at.segment, end.segment);
      if (segment === undefined) return at;
      if (segment !== at.segment) at = { segment, offset: 0 };
      const epoch_before = this.#layoutsOf;
      if (!this.#open(at, written.segment)) {
        at = { segment: segment + 1, offset: 0 };
        continue;
      }
      const reader = this.#reader;
      if (reader === undefined || (read && reader.header.epoch !== epoch_before)) return at;
      const closed = segment < written.segment;
      const limit = segment === end.segment && (to !== undefined || !closed) ? end.offset : reader.size_bytes;
      const before = reader.offset;
      const stopped = this.#visitAll(reader, limit, closed && segment !== to?.segment, visit);
      at = { segment, offset: reader.offset };
      read ||= reader.offset > before;
      if (stopped || segment >= end.segment) return at;
      at = { segment: segment + 1, offset: 0 };
    }
  }

  /** Bytes from a position to the end of what is written. */
  bytesFrom(at: SpoolPosition): number {
    const { written } = this.#state;
    let bytes = 0;
    for (const { number, bytes: size } of segmentsOf(this.directory)) {
      if (number < at.segment || number > written.segment) continue;
      const end = number === written.segment ? written.offset : size;
      bytes += Math.max(0, end - (number === at.segment ? at.offset : 0));
    }
    return bytes;
  }

  /** Deletes the segments before a position. The one that grows is never deleted: its number keeps the next life from starting at 1 again. */
  deleteBefore(at: SpoolPosition): void {
    const most = Math.min(at.segment, this.#state.written.segment);
    for (const { number } of segmentsOf(this.directory)) {
      if (number >= most) return;
      if (number === this.#number) this.close();
      try {
        unlinkSync(join(this.directory, segmentName(number)));
      } catch (error) {
        // The writer had to make room at the same moment.
        if (!isMissing(error)) throw error;
      }
    }
  }

  close(): void {
    this.#reader?.close();
    this.#reader = undefined;
    this.#number = -1;
    this.#state.letGo();
  }

  /** The first segment from `number` on that exists, and is not behind `last`. */
  #segmentAt(number: number, last: number): number | undefined {
    if (this.#number === number && number <= last) return number;
    const found = segmentsOf(this.directory).find((segment) => segment.number >= number);
    return found === undefined || found.number > last ? undefined : found.number;
  }

  /** Returns false where the segment cannot be read, or is gone: then the next one is. */
  #open(at: SpoolPosition, growing: number): boolean {
    if (this.#reader !== undefined && this.#number === at.segment && this.#reader.offset === at.offset) return true;
    const kept = this.#layouts;
    const keptOf = this.#layoutsOf;
    this.close();
    this.#state.hold(at.segment);
    try {
      const reader = SegmentReader.open(this.directory, at.segment, at.offset, kept);
      this.#reader = reader;
      this.#number = at.segment;
      if (reader.header.epoch !== keptOf) {
        // Layouts of another life have the same numbers and mean others.
        const own = new Map<number, RecordLayout>();
        reader.close();
        this.#reader = SegmentReader.open(this.directory, at.segment, at.offset, own);
        this.#layouts = own;
        this.#layoutsOf = reader.header.epoch;
      }
      return true;
    } catch (error) {
      this.#reader = undefined;
      this.#number = -1;
      if (error instanceof SegmentUnreadable && at.segment < growing) {
        this.counters.unreadable_segments++;
        return false;
      }
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Returns whether the visitor stopped. */
  #visitAll(reader: SegmentReader, limit: number, closed: boolean, visit: Visit): boolean {
    for (;;) {
      const { offset, damaged, damaged_bytes, unknown } = reader;
      const found = reader.next(limit, closed);
      if (found === 'prediction' && !visit(reader.prediction)) {
        // Damage that was stepped over on the way to the record is met, and counted, when the record is read again.
        reader.offset = offset;
        return true;
      }
      this.counters.damaged += reader.damaged - damaged;
      this.counters.damaged_bytes += reader.damaged_bytes - damaged_bytes;
      this.counters.unknown += reader.unknown - unknown;
      if (found === 'end') return false;
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
