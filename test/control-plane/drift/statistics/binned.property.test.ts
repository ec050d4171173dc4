import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { binCount, type CategoricalBins, type NumericBins, numericBin } from '../../../../contract/bin-spec.js';
import { measureBinned } from '../../../../control-plane/drift/statistics/binned.js';
import { compareCategorical } from '../../../../control-plane/drift/statistics/evidently.js';
import type { Measurement } from '../../../../control-plane/drift/statistics/measurement.js';
import { categoricalSample, numericSample, sigmaOf } from '../../../../control-plane/drift/statistics/sample.js';
import {
  kolmogorovSmirnov,
  wasserstein,
  wassersteinNormed,
} from '../../../../control-plane/drift/statistics/sample-distance.js';

const ROUNDING = 1e-9;

/** Values of several sizes with many ties, so that some lie on edges and some far outside of them. */
const value = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: -20, max: 20 }).map((whole) => whole / 4) },
  { weight: 4, arbitrary: fc.double({ min: -6, max: 6, noNaN: true }) },
  { weight: 1, arbitrary: fc.double({ min: -1000, max: 1000, noNaN: true }) },
);
const sample = fc.array(value, { minLength: 1, maxLength: 60 });
const edges = fc
  .uniqueArray(fc.integer({ min: -24, max: 24 }), { minLength: 1, maxLength: 20 })
  .map((wholes) => wholes.map((whole) => whole / 4).sort((a, b) => a - b));

function numericBins(cuts: readonly number[], reference: readonly number[]): NumericBins {
  const coarse = cuts.map((_, i) => i).filter((i) => i % 3 === 0 || i === cuts.length - 1);
  const bins: NumericBins = { kind: 'numeric', feature: 'x', edges: cuts, coarse, reference: [] };
  return { ...bins, reference: counted(bins, reference) };
}

function counted(bins: NumericBins, values: readonly number[]): number[] {
  const counts = new Array<number>(binCount(bins)).fill(0);
  for (const each of values) counts[numericBin(bins.edges, each)]++;
  return counts;
}

function assertWithin(binned: Measurement | undefined, exact: Measurement, what: string): void {
  assert.ok(binned !== undefined && binned.absence === undefined && exact.absence === undefined, what);
  assert.ok(binned.error !== undefined && Number.isFinite(binned.error), `${what}: no error is stated`);
  const far = Math.abs(binned.value - exact.value);
  const rounding = ROUNDING * Math.max(1, exact.value, binned.error);
  assert.ok(far <= binned.error + rounding, `${what}: ${binned.value} ± ${binned.error}, but it is ${exact.value}`);
}

test('Kolmogorov-Smirnov and Wasserstein from bins lie within the error that is stated with them', () => {
  fc.assert(
    fc.property(sample, sample, edges, (reference, current, cuts) => {
      const bins = numericBins(cuts, reference);
      const [p, c] = [numericSample(reference).sorted, numericSample(current).sorted];
      const all = [...reference, ...current];
      const window = {
        bins,
        current: counted(bins, current),
        extremes: { least: Math.min(...all), greatest: Math.max(...all) },
      };
      const measures = measureBinned(window);
      assertWithin(measures.kolmogorovSmirnov, kolmogorovSmirnov(p, c), 'D');
      assertWithin(measures.wasserstein, wasserstein(p, c), 'Wasserstein');
      assertWithin(measures.wassersteinNormed, wassersteinNormed(p, c), 'normed Wasserstein');
      const known = measureBinned({ ...window, sigma: sigmaOf(p) });
      assertWithin(known.wassersteinNormed, wassersteinNormed(p, c), 'normed Wasserstein with the exact deviation');
    }),
    { numRuns: 1000 },
  );
});

test('D from bins is never above the true one, and with a bin for each value it is the true one', () => {
  fc.assert(
    fc.property(sample, sample, edges, (reference, current, cuts) => {
      const exact = kolmogorovSmirnov(numericSample(reference).sorted, numericSample(current).sorted);
      const of = (some: readonly number[]): Measurement | undefined => {
        const bins = numericBins(some, reference);
        return measureBinned({ bins, current: counted(bins, current) }).kolmogorovSmirnov;
      };
      const every = [...new Set([...reference, ...current])].sort((a, b) => a - b);
      const [coarse, fine] = [of(cuts), of([...every, every[every.length - 1] + 1])];
      assert.ok(exact.absence === undefined && coarse?.absence === undefined && fine?.absence === undefined);
      assert.ok((coarse?.value ?? 2) <= exact.value + ROUNDING);
      assert.ok(Math.abs((fine?.value ?? 2) - exact.value) <= ROUNDING);
    }),
  );
});

test('without extremes Wasserstein states no error once rows lie outside of the edges', () => {
  const bins = numericBins([0, 1, 2], [0.5, 1.5]);
  const inside = measureBinned({ bins, current: counted(bins, [0.5, 1.2]) }).wasserstein;
  const outside = measureBinned({ bins, current: counted(bins, [0.5, 7]) }).wasserstein;
  assert.ok(inside?.absence === undefined && inside?.error !== undefined);
  assert.ok(outside?.absence === undefined && outside !== undefined && outside.error === undefined);
});

test('categorical measures from bins are those of the rows while no category is unseen', () => {
  const category = fc.constantFrom('a', 'b', 'c', 'd', null);
  const categories = fc.array(category, { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(categories, categories, (reference, current) => {
      const names = ['a', 'b', 'c', 'd'];
      const count = (values: readonly (string | null)[]): number[] => {
        const counts = new Array<number>(names.length + 2).fill(0);
        for (const each of values) counts[each === null ? 0 : 2 + names.indexOf(each)]++;
        return counts;
      };
      const bins: CategoricalBins = {
        kind: 'categorical',
        feature: 'x',
        categories: names,
        reference: count(reference),
      };
      const binned = measureBinned({ bins, current: count(current) });
      const { measures } = compareCategorical(categoricalSample(reference), categoricalSample(current));
      const shared = ['psi', 'jensenShannon', 'hellinger', 'lInfinity', 'chiSquared', 'nullRate'] as const;
      for (const name of shared) {
        const [actual, expected] = [binned[name], measures[name]];
        assert.equal(actual?.absence, expected?.absence, name);
        if (actual?.absence !== undefined || expected?.absence !== undefined) continue;
        assert.ok(
          Math.abs((actual?.value ?? 9) - (expected?.value ?? -9)) <= ROUNDING * (1 + (expected?.value ?? 0)),
          name,
        );
      }
    }),
  );
});

test('whatever the counts, each measure is finite or says why it is not', () => {
  const counts = fc.array(fc.oneof(fc.constant(0), fc.nat(5), fc.nat(2 ** 31)), { minLength: 8, maxLength: 8 });
  const wild = fc.uniqueArray(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(counts, counts, wild, (reference, current, cuts) => {
      const sorted = [...cuts].sort((a, b) => a - b);
      const bins: NumericBins = { kind: 'numeric', feature: 'x', edges: sorted, coarse: [0, 2, 5], reference };
      const extremes = { least: sorted[0], greatest: sorted[5] };
      for (const window of [
        { bins, current },
        { bins, current, extremes },
      ]) {
        for (const [name, measurement] of Object.entries(measureBinned(window))) {
          if (measurement.absence !== undefined) continue;
          for (const part of [measurement.value, measurement.p ?? 0, measurement.error ?? 0]) {
            assert.ok(Number.isFinite(part), `${name}: ${JSON.stringify(measurement)}`);
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});
