import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockHeap, blockBytes, blockWords } from '../../../feature-cache/store/block-heap.js';
import { SharedWords } from '../../../feature-cache/store/shared-words.js';

const MOST_BYTES = 8 * 1024 * 1024;

type Step = { readonly take: number } | { readonly give: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ take: fc.oneof(fc.integer({ min: 0, max: 80 }), fc.integer({ min: 0, max: 5000 })) }),
    fc.record({ give: fc.nat() }),
  ),
  { maxLength: 200 },
);

test('blocks keep their bytes while others are taken and given back, and all of them together become one again', () => {
  fc.assert(
    fc.property(steps, (script) => {
      const heap = new BlockHeap(SharedWords.reserve(MOST_BYTES));
      const empty_bytes = heap.top_bytes;
      const blocks: { readonly block: number; readonly bytes: number; readonly mark: number }[] = [];
      const checkAndFree = (at: number): void => {
        const [{ block, bytes, mark }] = blocks.splice(at, 1);
        const content = heap.words.u8.subarray((block + 1) * 4, (block + 1) * 4 + bytes);
        assert.equal(blockBytes(heap.words.i32[block]), bytes);
        assert.ok(
          content.every((byte) => byte === mark),
          'nobody else wrote into the block',
        );
        heap.free(block);
      };
      for (const [number, step] of script.entries()) {
        if ('take' in step) {
          const block = heap.allocate(step.take);
          const mark = (number % 255) + 1;
          heap.words.u8.fill(mark, (block + 1) * 4, (block + 1) * 4 + step.take);
          blocks.push({ block, bytes: step.take, mark });
        } else if (blocks.length > 0) {
          checkAndFree(step.give % blocks.length);
        }
        const used = blocks.reduce((sum, { bytes }) => sum + blockWords(bytes) * 4, 0);
        assert.equal(heap.used_bytes, used);
      }
      while (blocks.length > 0) checkAndFree(blocks.length >>> 1);
      assert.equal(heap.top_bytes, empty_bytes, 'nothing is left between blocks');
    }),
    { numRuns: 300 },
  );
});

test('the memory of many small blocks serves large ones, and the other way round', () => {
  const heap = new BlockHeap(SharedWords.reserve(MOST_BYTES));
  const small = Array.from({ length: 10_000 }, () => heap.allocate(24));
  const end = heap.allocate(4);
  const full_bytes = heap.top_bytes;
  for (const block of small) heap.free(block);
  const large = Array.from({ length: 20 }, () => heap.allocate(15_000));
  assert.equal(heap.top_bytes, full_bytes, 'no memory beyond what the small ones had');
  for (const block of large) heap.free(block);
  for (let i = 0; i < 10_000; i++) heap.allocate(24);
  assert.equal(heap.top_bytes, full_bytes);
  assert.equal(blockBytes(heap.words.i32[end]), 4);
});

test('what a block would commit is said before, and is infinite where addresses end', () => {
  const heap = new BlockHeap(SharedWords.reserve(128 * 1024));
  assert.equal(heap.bytesToCommit(1000), 0);
  assert.equal(heap.bytesToCommit(65_536), 65_536);
  assert.equal(heap.bytesToCommit(128 * 1024), Number.POSITIVE_INFINITY);
  const before_bytes = heap.words.committed_bytes;
  heap.allocate(65_536);
  assert.equal(heap.words.committed_bytes, before_bytes + 65_536);
});
