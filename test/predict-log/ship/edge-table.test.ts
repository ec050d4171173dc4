import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { numericBin } from '../../../contract/bin-spec.js';
import { EdgeTable } from '../../../runtime/predict-log/ship/edge-table.js';

const finite = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer().map(Number));
const edgesOf = (value: fc.Arbitrary<number>, most: number) =>
  fc
    .uniqueArray(value, { minLength: 1, maxLength: most, comparator: (a, b) => a === b })
    .map((edges) => edges.sort((a, b) => a - b));

test('the table of edges gives the bin that the contract defines, for edges and values of every kind', () => {
  const edges = fc.oneof(edgesOf(finite, 40), edgesOf(fc.integer({ min: 0, max: 2000 }).map(Number), 1001));
  const value = fc.oneof(
    fc.double(),
    fc.double({ min: -10, max: 2100, noNaN: true }),
    fc.integer({ min: -2, max: 2002 }),
  );
  fc.assert(
    fc.property(edges, fc.array(value, { minLength: 1, maxLength: 60 }), (given, values) => {
      const table = new EdgeTable(given);
      for (const each of [...values, ...given, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]) {
        assert.equal(table.bin(each), numericBin(given, each), `${each}`);
      }
    }),
    { numRuns: 1000 },
  );
});
