import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeRoom, type Resident } from '../../runtime/model/residency.js';

function resident(handle: number, bytes: number, more: Partial<Resident> = {}): Resident {
  return { handle, bytes, evictable: true, busy: false, touched: handle, ...more };
}

test('nobody goes while there is room', () => {
  assert.deepEqual(makeRoom(100, 40, [resident(1, 60)], 0), { type: 'room', evict: [] });
});

test('who was used longest ago goes first', () => {
  const residents = [resident(1, 40, { touched: 9 }), resident(2, 40, { touched: 3 }), resident(3, 20, { touched: 5 })];
  assert.deepEqual(makeRoom(100, 30, residents, 0), { type: 'room', evict: [2] });
});

test('a small one stays when a large one has to go anyway', () => {
  const residents = [resident(1, 10), resident(2, 80)];
  assert.deepEqual(makeRoom(100, 80, residents, 0), { type: 'room', evict: [2] });
});

test('what is spared of the chosen ones fits together into what is left over', () => {
  const residents = [resident(1, 5), resident(2, 5), resident(3, 80)];
  assert.deepEqual(makeRoom(100, 93, residents, 0), { type: 'room', evict: [1, 3] });
});

test('who is busy or pinned stays, and it is said whether waiting may help', () => {
  assert.deepEqual(makeRoom(100, 50, [resident(1, 80, { busy: true })], 0), { type: 'wait', short_bytes: 30 });
  assert.deepEqual(makeRoom(100, 50, [resident(1, 80, { evictable: false })], 80), { type: 'never', short_bytes: 30 });
  assert.deepEqual(makeRoom(100, 101, [], 0), { type: 'never', short_bytes: 1 });
});

test('an answer keeps the budget, spares pinned and busy ones, evicts nobody needlessly, and says what is missing otherwise', () => {
  const residents = fc
    .array(fc.record({ bytes: fc.nat(50), evictable: fc.boolean(), busy: fc.boolean(), touched: fc.nat(1000) }), {
      maxLength: 12,
    })
    .map((records) => records.map((record, handle) => ({ handle, ...record })));
  fc.assert(
    fc.property(residents, fc.nat(300), fc.nat(120), (all, budget, needed) => {
      const fixed = all.reduce((sum, { evictable, bytes }) => sum + (evictable ? 0 : bytes), 0);
      const used = all.reduce((sum, { bytes }) => sum + bytes, 0);
      const free = all.reduce((sum, { evictable, busy, bytes }) => sum + (evictable && !busy ? bytes : 0), 0);
      const room = makeRoom(budget, needed, all, fixed);
      if (room.type !== 'room') {
        assert.ok(used - free + needed > budget, 'it was refused although there would have been room');
        assert.ok(room.short_bytes > 0);
        return;
      }
      const evicted = all.filter(({ handle }) => room.evict.includes(handle));
      assert.ok(evicted.every(({ evictable, busy }) => evictable && !busy));
      const left = used - evicted.reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(left + needed <= budget);
      for (const { bytes } of evicted) assert.ok(left + bytes + needed > budget, 'one went for nothing');
    }),
    { numRuns: 2000 },
  );
});
