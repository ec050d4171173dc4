import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { SlabViews } from '../codec/slab-views.js';
import {
  FRAME_ALIGNMENT,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  frameBytes,
  frameKind,
  judgeFrame,
  payloadBytes,
} from './frame.js';
import type { LoggedPrediction, RecordLayout } from './logged-prediction.js';
import { decodeLayout, decodePrediction, emptyPrediction, layoutIdOf } from './record-codec.js';
import { decodeHeader, MOST_HEADER_BYTES, type SegmentHeader, segmentName } from './segment-file.js';

const CHUNK_BYTES = 1024 * 1024;

/** `end`: nothing whole lies before the limit that was given. */
export type Found = 'layout' | 'prediction' | 'end';

/** The file has no header that can be read: nothing in it can. */
export class SegmentUnreadable extends Error {
  override readonly name = 'SegmentUnreadable';
  /** The header was cut: the process that began the segment died over it, and nothing was ever in it. */
  readonly torn: boolean;

  constructor(message: string, torn: boolean) {
    super(message);
    this.torn = torn;
  }
}

/**
 * Reads the frames of one segment in order. What is damaged is stepped over, to the next frame whose checksum is right, and counted. One
 * piece of memory serves all frames: `prediction` and `layout` are those of the last `next`.
 */
export class SegmentReader {
  readonly header: SegmentHeader;
  /** Layouts met so far, by id. */
  readonly layouts: Map<number, RecordLayout>;
  readonly prediction: LoggedPrediction;
  layout: RecordLayout | undefined;
  /** Where the next frame is looked for: behind the last one. Such a position may be given to `open` again. */
  offset: number;
  /** Stretches of damage that were stepped over, and their bytes. */
  damaged = 0;
  damaged_bytes = 0;
  /** Whole frames that made no sense: a record without its layout, or a kind of frame that is not known. */
  unknown = 0;
  readonly #file: number;
  #chunk: SlabViews;
  #begin = 0;
  #filled = 0;

  private constructor(file: number, header: SegmentHeader, offset: number, layouts: Map<number, RecordLayout>) {
    this.#file = file;
    this.header = header;
    this.offset = offset;
    this.layouts = layouts;
    this.#chunk = new SlabViews(new ArrayBuffer(CHUNK_BYTES));
    this.prediction = emptyPrediction(this.#chunk);
  }

  /**
   * Opens a segment at `from` (0: at its first frame). `layouts` are those of the same epoch that an earlier segment told: a record whose
   * own is damaged is read with them. Throws SegmentUnreadable, and what the file system throws.
   */
  static open(directory: string, number: number, from = 0, layouts = new Map<number, RecordLayout>()): SegmentReader {
    const path = join(directory, segmentName(number));
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(MOST_HEADER_BYTES);
      const read = readSync(file, bytes, 0, bytes.length, 0);
      const found = decodeHeader(bytes.subarray(0, read));
      if ('fault' in found) throw new SegmentUnreadable(`${path}: ${found.fault}`, found.torn);
      const reader = new SegmentReader(file, found.header, found.bytes, layouts);
      reader.#skipTo(from);
      return reader;
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  get size_bytes(): number {
    return fstatSync(this.#file).size;
  }

  /**
   * The next layout or prediction that ends before `limit`. At the limit of a segment that is still written, a frame may be on its way:
   * then the answer is 'end', and the next call looks again. `closed`: nothing will follow, so what does not end before the limit is damage.
   */
  next(limit: number, closed = false): Found {
    for (;;) {
      const at = this.#load(limit);
      if (at < 0) return closed ? this.#giveUp(limit) : 'end';
      const verdict = judgeFrame(this.#chunk, at, this.#end(limit), this.header.salt);
      if (verdict === 'whole') {
        const found = this.#frame(at);
        if (found !== undefined) return found;
      } else if (verdict === 'incomplete' && !closed) {
        return 'end';
      } else if (!this.#search(limit)) {
        return this.#giveUp(limit);
      }
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Reads the frame at `at` and goes behind it. undefined: it meant nothing. */
  #frame(at: number): Found | undefined {
    const bytes = payloadBytes(this.#chunk, at);
    const payload = at + FRAME_HEADER_BYTES;
    this.offset += frameBytes(bytes);
    switch (frameKind(this.#chunk, at)) {
      case FRAME_KIND.LAYOUT: {
        const layout = decodeLayout(this.#chunk, payload, bytes);
        if (layout === undefined) break;
        this.layouts.set(layout.id, layout);
        this.layout = layout;
        return 'layout';
      }
      case FRAME_KIND.PREDICTION: {
        const layout = this.layouts.get(layoutIdOf(this.#chunk, payload));
        if (layout !== undefined && decodePrediction(this.prediction, this.#chunk, payload, bytes, layout))
          return 'prediction';
        break;
      }
      default:
    }
    this.unknown++;
    return undefined;
  }

  /** Layouts that lie before `from` are needed behind it. */
  #skipTo(from: number): void {
    while (this.offset < from && this.next(from) !== 'end');
    this.offset = Math.max(this.offset, from);
    this.damaged = 0;
    this.damaged_bytes = 0;
    this.unknown = 0;
  }

  /** Goes to the next whole frame. Returns whether there is one before `limit`. */
  #search(limit: number): boolean {
    const from = this.offset;
    for (this.offset += FRAME_ALIGNMENT; ; this.offset += FRAME_ALIGNMENT) {
      const at = this.#load(limit);
      if (at < 0) break;
      if (judgeFrame(this.#chunk, at, this.#end(limit), this.header.salt) === 'whole') {
        this.damaged++;
        this.damaged_bytes += this.offset - from;
        return true;
      }
    }
    this.offset = from;
    return false;
  }

  #giveUp(limit: number): 'end' {
    if (this.offset < limit) {
      this.damaged++;
      this.damaged_bytes += limit - this.offset;
      this.offset = limit;
    }
    return 'end';
  }

  #end(limit: number): number {
    return Math.min(this.#filled, limit - this.#begin);
  }

  /** Where the frame at `offset` begins in the chunk, with all of it that lies before `limit`; -1: not even its header does. */
  #load(limit: number): number {
    if (this.offset + FRAME_HEADER_BYTES > limit) return -1;
    let at = this.offset - this.#begin;
    if (at < 0 || at + FRAME_HEADER_BYTES > this.#filled) at = this.#fill(limit);
    if (at + FRAME_HEADER_BYTES > this.#filled) return -1;
    const bytes = Math.min(frameBytes(this.#lengthAt(at)), limit - this.offset);
    if (at + bytes <= this.#filled) return at;
    if (bytes > this.#chunk.u8.length)
      this.#chunk = new SlabViews(new ArrayBuffer(bytes + FRAME_ALIGNMENT - (bytes % 8)));
    return this.#fill(limit);
  }

  /** The length that a frame claims, where it may be one. */
  #lengthAt(at: number): number {
    const verdict = judgeFrame(this.#chunk, at, at + FRAME_HEADER_BYTES, this.header.salt);
    return verdict === 'broken' ? 0 : payloadBytes(this.#chunk, at);
  }

  #fill(limit: number): number {
    const length = Math.min(this.#chunk.u8.length, limit - this.offset);
    this.#begin = this.offset;
    this.#filled = 0;
    while (this.#filled < length) {
      const read = readSync(
        this.#file,
        this.#chunk.u8,
        this.#filled,
        length - this.#filled,
        this.#begin + this.#filled,
      );
      if (read === 0) break;
      this.#filled += read;
    }
    return 0;
  }
}
