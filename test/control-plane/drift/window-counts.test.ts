import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitWindow } from '../../../control-plane/drift/window-counts.js';

const HOUR_MS = 3_600_000;

test('hours with complete states and the stretches around them cover a window once, whatever it is', () => {
  const span = fc.tuple(fc.integer({ min: 0, max: 20 * HOUR_MS }), fc.integer({ min: 1, max: 20 * HOUR_MS }));
  const hours = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 30 });
  fc.assert(
    fc.property(span, hours, ([from_ms, length_ms], complete) => {
      const to_ms = from_ms + length_ms;
      const states = new Set(complete.map((hour) => hour * HOUR_MS));
      const split = splitWindow({ from_ms, to_ms }, states);
      const parts = [...split.rest, ...split.hours.map((hour) => ({ from_ms: hour, to_ms: hour + HOUR_MS }))];
      parts.sort((a, b) => a.from_ms - b.from_ms);
      assert.equal(parts[0].from_ms, from_ms);
      assert.equal(parts.at(-1)?.to_ms, to_ms);
      for (let i = 1; i < parts.length; i++) assert.equal(parts[i].from_ms, parts[i - 1].to_ms);
      for (const hour of split.hours) assert.ok(states.has(hour));
      // No hour that states could give is counted from rows.
      for (const part of split.rest) {
        for (const hour of states) assert.ok(hour < part.from_ms || hour + HOUR_MS > part.to_ms);
      }
    }),
  );
});
