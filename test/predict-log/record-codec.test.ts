import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { segmentName } from '../../runtime/predict-log/segment-file.js';
import { SegmentReader, SegmentUnreadable } from '../../runtime/predict-log/segment-reader.js';
import { tableCrc32 } from '../../std/checksum.js';
import { type PlainRecord, plainOf, records, segmentOf, TEST_HEADER, TEST_LAYOUT } from './record-rig.js';

interface Read {
  readonly records: PlainRecord[];
  readonly damaged: number;
  readonly unknown: number;
}

/** What a reader finds in a segment with these bytes, from its beginning, or undefined where it is refused as a whole. */
function readSegment(bytes: Uint8Array, closed = true): Read | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-segment-'));
  try {
    writeFileSync(join(directory, segmentName(1)), bytes);
    const reader = SegmentReader.open(directory, 1);
    const found: PlainRecord[] = [];
    for (let kind = reader.next(bytes.length, closed); kind !== 'end'; kind = reader.next(bytes.length, closed)) {
      if (kind === 'prediction') found.push(plainOf(reader.prediction));
    }
    reader.close();
    return { records: found, damaged: reader.damaged, unknown: reader.unknown };
  } catch (error) {
    if (error instanceof SegmentUnreadable) return undefined;
    throw error;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('what is written into a segment is read back, to the bit and in order', () => {
  fc.assert(
    fc.property(fc.array(records, { maxLength: 8 }), (given) => {
      const read = readSegment(segmentOf(given).bytes);
      assert.deepEqual(read?.records, given);
      assert.deepEqual([read?.damaged, read?.unknown], [0, 0]);
    }),
    { numRuns: 60 },
  );
});

test('a segment that is cut at any byte gives the records before the cut, and calls the rest damage', () => {
  const given = fc.sample(records, { numRuns: 3, seed: 4 });
  const { bytes, ends, head } = segmentOf(given);
  const edges = [...head, ...ends];
  for (let length = 0; length < bytes.length; length++) {
    const read = readSegment(bytes.subarray(0, length));
    const whole = ends.filter((end) => end <= length).length;
    assert.deepEqual(read?.records ?? [], given.slice(0, whole), `cut at ${length}`);
    assert.equal(read === undefined, length < head[0], `cut at ${length}`);
    if (read !== undefined) assert.equal(read.damaged, edges.includes(length) ? 0 : 1, `cut at ${length}`);
  }
});

test('a tail that may still grow is not damage: the reader waits, and reads it when it is whole', () => {
  const given = fc.sample(records, { numRuns: 2, seed: 11 });
  const { bytes, ends } = segmentOf(given);
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-segment-'));
  const path = join(directory, segmentName(1));
  writeFileSync(path, bytes.subarray(0, ends[0]));
  const reader = SegmentReader.open(directory, 1);
  const found: PlainRecord[] = [];
  for (let limit = ends[0]; limit <= bytes.length; limit++) {
    writeFileSync(path, bytes.subarray(0, limit), { flag: 'r+' });
    for (let kind = reader.next(limit); kind !== 'end'; kind = reader.next(limit)) {
      if (kind === 'prediction') found.push(plainOf(reader.prediction));
    }
  }
  reader.close();
  rmSync(directory, { recursive: true });
  assert.deepEqual(found, given);
  assert.equal(reader.damaged, 0);
});

test('flipped bits never give a wrong record, and cost only the frames that they hit', () => {
  fc.assert(
    fc.property(
      fc.array(records, { minLength: 1, maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 4 }),
      (given, flips) => {
        const { bytes, ends } = segmentOf(given);
        const damaged = Buffer.from(bytes);
        const hit = new Set<number>();
        for (const [where, bit] of flips) {
          const at = where % bytes.length;
          damaged[at] ^= 1 << bit;
          hit.add(ends.findIndex((end) => at < end));
        }
        if (damaged.equals(bytes)) return;
        const read = readSegment(damaged);
        const found = read?.records ?? [];
        // In order, each one that was written, none twice.
        let from = 0;
        for (const record of found) {
          const index = given.findIndex((each, position) => position >= from && isDeepStrictEqual(each, record));
          assert.ok(index >= from, 'a record that nobody wrote');
          from = index + 1;
        }
        const beginning = hit.has(0);
        if (!beginning) assert.equal(found.length, given.length - hit.size);
      },
    ),
    { numRuns: 300 },
  );
});

test('a layout that is damaged is known from an earlier segment of the same life', () => {
  const given = fc.sample(records, { numRuns: 2, seed: 5 });
  const { bytes } = segmentOf(given);
  const broken = Buffer.from(bytes);
  broken[64 + 30] ^= 0xff;
  const alone = readSegment(broken);
  assert.deepEqual(alone, { records: [], damaged: 1, unknown: 2 });
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-segment-'));
  writeFileSync(join(directory, segmentName(1)), broken);
  const reader = SegmentReader.open(directory, 1, 0, new Map([[TEST_LAYOUT.id, TEST_LAYOUT]]));
  const found: PlainRecord[] = [];
  while (reader.next(broken.length, true) !== 'end') found.push(plainOf(reader.prediction));
  reader.close();
  rmSync(directory, { recursive: true });
  assert.deepEqual(found, given);
  assert.deepEqual(reader.header, TEST_HEADER);
});

test('reading goes on from a position in the middle with the layouts that lie before it', () => {
  const given = fc.sample(records, { numRuns: 4, seed: 6 });
  const { bytes, ends } = segmentOf(given);
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-segment-'));
  writeFileSync(join(directory, segmentName(1)), bytes);
  for (const [index, end] of ends.entries()) {
    const reader = SegmentReader.open(directory, 1, end);
    const found: PlainRecord[] = [];
    while (reader.next(bytes.length) !== 'end') found.push(plainOf(reader.prediction));
    reader.close();
    assert.deepEqual(found, given.slice(index + 1));
  }
  rmSync(directory, { recursive: true });
});

test('the checksum for old Node.js is the one of zlib', () => {
  const table = tableCrc32();
  assert.equal(table(Buffer.from('123456789'), 0), 0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(0xffffffff), (bytes, before) => {
      if (typeof zlib.crc32 === 'function') assert.equal(table(bytes, before), zlib.crc32(bytes, before));
      const half = bytes.length >> 1;
      assert.equal(table(bytes.subarray(half), table(bytes.subarray(0, half), before)), table(bytes, before));
    }),
  );
});
