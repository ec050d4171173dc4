import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { editDistance, nearestName } from '../../std/nearest-name.js';

test('edits are counted, a swap of neighbours as one', () => {
  const distances: [string, string, number][] = [
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', '', 3],
    ['abc', 'abd', 1],
    ['abc', 'acb', 1],
    ['kitten', 'sitting', 3],
  ];
  for (const [a, b, expected] of distances) assert.equal(editDistance(a, b), expected, `${a} ${b}`);
});

test('the nearest name is found whatever the case, and none where none is near', () => {
  assert.equal(nearestName('Max_Bacth', ['max_delay', 'max_batch']), 'max_batch');
  assert.equal(nearestName('weather', ['max_delay', 'max_batch']), undefined);
  assert.equal(nearestName('x'.repeat(100_000), ['x']), undefined);
});

test('a distance is symmetric, at most the longer word, and 0 only between equals', () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length));
    }),
  );
});
