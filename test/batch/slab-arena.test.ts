import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  blockBytes,
  NO_MEMORY,
  offsetOf,
  PAGE_BYTES,
  SEGMENT_BYTES,
  SlabArena,
  segmentOf,
} from '../../runtime/batch/slab-arena.js';

class Segments {
  readonly sizes = new Map<number, number>();
  segmentAdded(id: number, buffer: SharedArrayBuffer): void {
    this.sizes.set(id, buffer.byteLength);
  }
  segmentDropped(id: number): void {
    this.sizes.delete(id);
  }
}

const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 2000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 2000, max: 3 * PAGE_BYTES }) },
  { weight: 1, arbitrary: fc.integer({ min: SEGMENT_BYTES - 10, max: SEGMENT_BYTES + PAGE_BYTES }) },
);
/** Allocate this many bytes, or free the block that stands at this place (modulo) among the live ones. */
const steps = fc.array(fc.oneof(fc.record({ allocate: sizes }), fc.record({ free: fc.nat() })), { maxLength: 300 });

test('blocks never overlap, stay inside their segment, and everything freed can be taken again', () => {
  fc.assert(
    fc.property(steps, (program) => {
      const segments = new Segments();
      const arena = new SlabArena(64 * SEGMENT_BYTES, segments);
      const live: { address: number; bytes: number }[] = [];
      for (const step of program) {
        if ('allocate' in step) {
          const address = arena.allocate(step.allocate);
          assert.notEqual(address, NO_MEMORY);
          const from = offsetOf(address);
          assert.equal(from % 64, 0);
          assert.ok(
            from + step.allocate <= (segments.sizes.get(segmentOf(address)) ?? 0),
            'a block passes the end of its segment',
          );
          for (const other of live) {
            if (segmentOf(other.address) !== segmentOf(address)) continue;
            const start = offsetOf(other.address);
            assert.ok(
              from + step.allocate <= start || start + other.bytes <= from || other.bytes === 0 || step.allocate === 0,
              'blocks overlap',
            );
            assert.notEqual(from, start);
          }
          live.push({ address, bytes: step.allocate });
        } else if (live.length > 0) {
          const [block] = live.splice(step.free % live.length, 1);
          arena.free(block.address, block.bytes);
        }
        assert.equal(
          arena.used_bytes,
          live.reduce((sum, block) => sum + blockBytes(block.bytes), 0),
        );
      }
      for (const block of live) arena.free(block.address, block.bytes);
      assert.equal(arena.used_bytes, 0);
      assert.ok(segments.sizes.size <= 2, 'empty segments were kept');
    }),
    { numRuns: 200 },
  );
});

test('the bound holds, and a refused block costs nothing', () => {
  const arena = new SlabArena(1000, new Segments());
  const first = arena.allocate(512);
  assert.notEqual(first, NO_MEMORY);
  assert.equal(arena.allocate(512), NO_MEMORY);
  assert.equal(arena.used_bytes, 512);
  arena.free(first, 512);
  assert.notEqual(arena.allocate(512), NO_MEMORY);
});

test('a block that is freed twice is found out', () => {
  const arena = new SlabArena(SEGMENT_BYTES, new Segments());
  const run = arena.allocate(PAGE_BYTES);
  arena.free(run, PAGE_BYTES);
  assert.throws(() => arena.free(run, PAGE_BYTES), RangeError);
});
