import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bitsFor, KeyIndex, LEAST_BITS, MOST_LOAD, probe, rowMask } from '../../../feature-cache/store/key-index.js';
import { SharedWords } from '../../../feature-cache/store/shared-words.js';

function emptyIndex(bits: number): KeyIndex {
  return new KeyIndex(SharedWords.reserve(2 ** 20), bits);
}

/** Every row that a search for the hash comes upon, in the order of the search. */
function rowsOf(index: KeyIndex, hash: number): number[] {
  const rows: number[] = [];
  const mask = rowMask(index.bits);
  let slot = probe(index.words.i32, hash & mask, hash, index.bits);
  while (slot >= 0) {
    rows.push((index.words.i32[slot] & mask) - 1);
    slot = probe(index.words.i32, (slot + 1) & mask, hash, index.bits);
  }
  return rows;
}

/** Few places, the last of them too, so that chains are long and go round the end; few tags, so that hashes are equal. */
const aHash = fc
  .tuple(fc.constantFrom(0, 1, 2, 7, 100, 253, 254, 255), fc.constantFrom(0, 1, 0x7fffff, 0xffffff))
  .map(([place, tag]) => ((tag << LEAST_BITS) | place) >>> 0);
const steps = fc.array(fc.oneof(fc.record({ insert: aHash }), fc.record({ remove: fc.nat() })), { maxLength: 400 });

test('an index finds the rows of every hash, whatever was inserted and removed before', () => {
  fc.assert(
    fc.property(steps, (script) => {
      const index = emptyIndex(LEAST_BITS);
      const present: { readonly hash: number; readonly row: number }[] = [];
      const free = Array.from({ length: 180 }, (_, row) => 179 - row);
      for (const step of script) {
        if ('insert' in step) {
          const row = index.full ? undefined : free.pop();
          if (row === undefined) continue;
          index.insert(step.insert, row);
          present.push({ hash: step.insert, row });
        } else if (present.length > 0) {
          const [{ hash, row }] = present.splice(step.remove % present.length, 1);
          index.remove(hash, row);
          free.push(row);
        }
      }
      for (const hash of new Set(present.map((entry) => entry.hash))) {
        const expected = present.filter((entry) => entry.hash === hash).map(({ row }) => row);
        const found = rowsOf(index, hash);
        for (const row of expected) assert.ok(found.includes(row), `row ${row} of hash ${hash.toString(16)}`);
        assert.equal(new Set(found).size, found.length, 'none twice');
        for (const row of found) {
          const there = present.find((entry) => entry.row === row);
          assert.ok(there !== undefined, `row ${row} was removed`);
          assert.equal(there.hash >>> LEAST_BITS, hash >>> LEAST_BITS, 'none of another tag');
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('an index whose rows were all removed is empty, and as good as new', () => {
  const index = emptyIndex(LEAST_BITS);
  const hashes = Array.from({ length: 150 }, (_, row) => Math.imul(row, 0x9e3779b1) >>> 0);
  for (let round = 0; round < 20; round++) {
    for (const [row, hash] of hashes.entries()) index.insert(hash, row);
    for (const [row, hash] of hashes.entries()) index.remove(hash, row);
  }
  assert.ok(index.words.i32.subarray(0, 2 ** LEAST_BITS).every((slot) => slot === 0));
  assert.equal(index.full, false);
});

test('an index is full before its chains become long, and its size is the least that holds the rows', () => {
  const index = emptyIndex(LEAST_BITS);
  let rows = 0;
  while (!index.full) index.insert(Math.imul(rows, 0x9e3779b1) >>> 0, rows++);
  assert.equal(rows, 2 ** LEAST_BITS * MOST_LOAD);
  assert.equal(bitsFor(0, MOST_LOAD), LEAST_BITS);
  assert.equal(bitsFor(rows - 1, MOST_LOAD), LEAST_BITS);
  assert.equal(bitsFor(rows, MOST_LOAD), LEAST_BITS + 1);
  assert.equal(bitsFor(10_000_000, MOST_LOAD), 24);
});
