import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BIN_FIRST, MOST_BINS, numericBin } from '../../../contract/bin-spec.js';
import { categoriesOf, countsInOrder, fineBins, numericEdges } from '../../../control-plane/reference/edges.js';

test('few distinct values have a bin each, and what is new between them falls to the one below', () => {
  const { edges } = numericEdges({ least: 0, greatest: 3, values: [0, 1, 3], quantiles: [] });
  const bins = [0, 1, 3].map((value) => numericBin(edges, value));
  assert.equal(new Set(bins).size, 3);
  assert.equal(numericBin(edges, 2), numericBin(edges, 1));
});

test('a constant has one edge, and so has a column without a finite value', () => {
  assert.deepEqual(numericEdges({ least: 5, greatest: 5, values: [5], quantiles: [5, 5] }), {
    edges: [5],
    coarse: [0],
  });
  const nothing = { least: Number.NaN, greatest: Number.NaN, values: [], quantiles: [] };
  assert.deepEqual(numericEdges(nothing), { edges: [0], coarse: [0] });
});

test('edges ascend, coarse ones are among them with the first and the last, however the quantiles repeat', () => {
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.array(finite, { minLength: 2, maxLength: 400 }), (sample) => {
      const sorted = [...sample].sort((a, b) => a - b);
      const [least, greatest] = [sorted[0], sorted[sorted.length - 1]];
      const { edges, coarse } = numericEdges({ least, greatest, values: undefined, quantiles: sorted });
      for (let i = 1; i < edges.length; i++) assert.ok(edges[i] > edges[i - 1]);
      for (let i = 1; i < coarse.length; i++) assert.ok(coarse[i] > coarse[i - 1]);
      assert.equal(coarse[0], 0);
      assert.equal(coarse.at(-1), edges.length - 1);
      assert.ok(coarse.length <= 33);
      const lastBin = BIN_FIRST + Math.max(1, edges.length - 1) - 1; // of a constant: the one bin that is 'equal to it'
      for (const value of sample) {
        const bin = numericBin(edges, value);
        assert.ok(bin >= BIN_FIRST && bin <= lastBin, `${value} is in bin ${bin}, the last is ${lastBin}`);
      }
    }),
  );
});

test('many features have fewer bins each, never fewer than the coarse ones', () => {
  assert.equal(fineBins(1), MOST_BINS);
  assert.equal(fineBins(100), 320);
  assert.equal(fineBins(100_000), 32);
});

test('categories are bounded, without the empty one; counts are as long as the bins', () => {
  const many = Array.from({ length: 3000 }, (_, i) => `c${i}`);
  assert.equal(categoriesOf(['', ...many]).length, MOST_BINS - 2);
  const bins = { kind: 'categorical', feature: 'f', categories: ['a', 'b'] } as const;
  assert.deepEqual(
    countsInOrder(
      bins,
      new Map([
        [1, 4],
        [3, 2],
      ]),
    ),
    [0, 4, 0, 2],
  );
});
