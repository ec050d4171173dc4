import { readdirSync, readFileSync, renameSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { FRAME_HEADER_BYTES, FRAME_KIND, frameBytes } from './frame.js';
import { segmentName, segmentNumber } from './segment-file.js';
import { SegmentReader, SegmentUnreadable } from './segment-reader.js';

/** A segment that lies in the folder. */
export interface FoundSegment {
  readonly number: number;
  readonly bytes: number;
  /** Milliseconds since 1970 when it was begun, as far as the file system knows. */
  readonly since_ms: number;
}

/** The folder of one node below the data folder: any name a node may have becomes the name of a folder. */
export function spoolDirectory(data_dir: string, node: string): string {
  return join(data_dir, 'spool', encodeURIComponent(node).replaceAll('.', '%2E'));
}

/** Segments in ascending order. One that vanishes while we look was shipped. */
export function segmentsOf(directory: string): FoundSegment[] {
  const found: FoundSegment[] = [];
  for (const name of readdirSync(directory)) {
    const number = segmentNumber(name);
    if (number === undefined) continue;
    const stat = statSync(join(directory, name), { throwIfNoEntry: false });
    if (stat !== undefined) found.push({ number, bytes: stat.size, since_ms: stat.birthtimeMs || stat.ctimeMs });
  }
  return found.sort((a, b) => a.number - b.number);
}

/** What was cut off at the end of the newest segment: half a frame, which the last process could not finish. */
export interface TornTail {
  readonly segment: number;
  readonly bytes: number;
}

/** Cuts what follows the last whole frame of the newest segment. Damage before that is left to whoever reads, and counts, it. */
export function cutTornTail(directory: string): TornTail | undefined {
  const newest = segmentsOf(directory).at(-1);
  if (newest === undefined) return undefined;
  const path = join(directory, segmentName(newest.number));
  const end = endOfLastFrame(directory, newest);
  if (end === newest.bytes) return undefined;
  // Not deleted: should its header have been damaged in another way, somebody may want to look at it.
  if (end === 0) renameSync(path, `${path}.torn`);
  else truncateSync(path, end);
  return { segment: newest.number, bytes: newest.bytes - end };
}

/** 0: not even a header. A header of another program is none of our business: its file stays. */
function endOfLastFrame(directory: string, { number, bytes }: FoundSegment): number {
  let reader: SegmentReader;
  try {
    reader = SegmentReader.open(directory, number);
  } catch (error) {
    if (error instanceof SegmentUnreadable) return error.torn ? 0 : bytes;
    throw error;
  }
  try {
    let end = reader.offset;
    while (reader.next(bytes) !== 'end') end = reader.offset;
    // `next` stops at a frame that may still be written: what is broken behind it was searched already where it is not.
    while (reader.next(bytes, true) !== 'end') end = reader.offset;
    return end;
  } finally {
    reader.close();
  }
}

/** How many predictions a segment holds, by the lengths of its frames alone. */
export function countPredictions(directory: string, number: number): number {
  const bytes = readFileSync(join(directory, segmentName(number)));
  if (bytes.length < FRAME_HEADER_BYTES) return 0;
  let at = bytes.readUInt32LE(12);
  let count = 0;
  while (at + FRAME_HEADER_BYTES <= bytes.length) {
    if (bytes.readUInt32LE(at + 12) === FRAME_KIND.PREDICTION) count++;
    at += frameBytes(bytes.readUInt32LE(at + 4));
  }
  return count;
}
