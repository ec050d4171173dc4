import type { Readable } from 'node:stream';
import type { GivenRow } from '../given-row.js';
import { ChunkSchema } from './held-body.js';

/** A label has no such length: what does is no line of labels, and is not kept in memory until its end. */
const MOST_LINE_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;

/** A JSON value on each line; empty lines are none. A line that is too long is one broken row. */
export async function* ndjsonRows(body: Readable): AsyncGenerator<GivenRow> {
  let rest: Buffer = Buffer.alloc(0);
  let isSkipping = false;
  let row = 0;
  for await (const chunk of body) {
    rest = Buffer.concat([rest, ChunkSchema.parse(chunk)]);
    let from = 0;
    for (let end = rest.indexOf(LINE_FEED, from); end >= 0; end = rest.indexOf(LINE_FEED, from)) {
      const line = rest.subarray(from, end);
      from = end + 1;
      if (isSkipping) {
        isSkipping = false;
        continue;
      }
      row++;
      const given = lineRow(row, line);
      if (given !== undefined) yield given;
    }
    rest = rest.subarray(from);
    if (rest.length <= MOST_LINE_BYTES) continue;
    if (!isSkipping) yield tooLong(++row);
    isSkipping = true;
    rest = Buffer.alloc(0);
  }
  const last = isSkipping ? undefined : lineRow(row + 1, rest);
  if (last !== undefined) yield last;
}

function lineRow(row: number, line: Buffer): GivenRow | undefined {
  if (line.length > MOST_LINE_BYTES) return tooLong(row);
  const text = line.toString('utf8').trim();
  if (text === '') return undefined;
  try {
    return { row, value: JSON.parse(text) };
  } catch (cause) {
    return { row, problem: `not JSON: ${cause instanceof Error ? cause.message : String(cause)}` };
  }
}

function tooLong(row: number): GivenRow {
  return { row, problem: `the line is longer than ${MOST_LINE_BYTES} bytes` };
}
