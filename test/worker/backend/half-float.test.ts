import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromHalf, toHalf } from '../../../runtime/worker/backend/half-float.js';

test('every half there is survives the way to a number and back', () => {
  for (let half = 0; half < 65_536; half++) {
    const value = fromHalf(half);
    if (Number.isNaN(value)) assert.equal(toHalf(value) & 0x7fff, 0x7e00);
    else assert.equal(toHalf(value), half, `half ${half} is ${value}`);
  }
});

test('a number becomes the nearest half, and in the middle of two the even one', () => {
  fc.assert(
    fc.property(fc.float({ min: -65_000, max: 65_000, noNaN: true }), (value) => {
      const half = toHalf(value);
      const distance = Math.abs(fromHalf(half) - value);
      const neighbours = [half - 1, half + 1].filter((other) => (other & 0x7fff) < 0x7c00 && (other ^ half) < 0x8000);
      for (const other of neighbours) {
        const further = Math.abs(fromHalf(other) - value);
        assert.ok(further > distance || (further === distance && half % 2 === 0));
      }
    }),
  );
  assert.equal(fromHalf(toHalf(65_519)), 65_504);
  assert.equal(fromHalf(toHalf(65_520)), Number.POSITIVE_INFINITY);
  assert.equal(fromHalf(toHalf(2 ** -25)), 0);
});
