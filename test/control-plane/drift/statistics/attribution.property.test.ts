import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  attributedDistance,
  attributeToGroups,
  type Group,
  OTHERS,
  rankBins,
  rankFeatures,
} from '../../../../control-plane/drift/statistics/attribution.js';
import {
  jensenShannon,
  jensenShannonTerms,
  psi,
  psiTerms,
} from '../../../../control-plane/drift/statistics/histogram-distance.js';
import { absent, measured, sumOf } from '../../../../control-plane/drift/statistics/measurement.js';

const BINS = 5;
const ROUNDING = 1e-9;
const counts = fc.array(fc.nat(500), { minLength: BINS, maxLength: BINS });
const someCounts = counts.filter((bins) => sumOf(bins) > 0);

function attribution(reference: readonly number[], groups: readonly Group[]) {
  const result = attributeToGroups(reference, groups);
  assert.ok('total' in result);
  return result;
}

function window(groups: readonly Group[]): number[] {
  return Array.from({ length: BINS }, (_, bin) => groups.reduce((sum, { current }) => sum + current[bin], 0));
}

test('the parts of the groups add up to the divergence of the window, however many groups there are', () => {
  fc.assert(
    fc.property(someCounts, fc.array(someCounts, { minLength: 1, maxLength: 14 }), (reference, rows) => {
      const groups = rows.map((current, i) => ({ name: `node ${i}`, current }));
      const result = attribution(reference, groups);
      const sum = result.contributions.reduce((total, { part }) => total + part, 0);
      assert.ok(Math.abs(sum - result.total) < ROUNDING);
      assert.ok(Math.abs(result.total - result.whole) < ROUNDING, 'one reference for all: nothing is left over');
      const [expected, distance] = [jensenShannon(reference, window(groups)), attributedDistance(result)];
      assert.ok(expected.absence === undefined && distance.absence === undefined);
      assert.ok(Math.abs(expected.value - distance.value) < 1e-6);
      assert.equal(
        result.contributions.some(({ name }) => name === OTHERS),
        groups.length > 10,
      );
      const seen = result.contributions.reduce((total, { rows: each }) => total + each, 0);
      assert.equal(seen, sumOf(window(groups)), 'no row is lost');
    }),
  );
});

test('a group that lies as its reference explains nothing, and groups that are alike explain the same', () => {
  fc.assert(
    fc.property(someCounts, someCounts, fc.integer({ min: 1, max: 9 }), (reference, moved, times) => {
      const groups = [
        { name: 'calm', current: reference.map((count) => count * times) },
        { name: 'twin', current: moved },
        { name: 'other twin', current: moved },
      ];
      const { contributions } = attribution(reference, groups);
      const part = (name: string): number => contributions.find((each) => each.name === name)?.part ?? Number.NaN;
      assert.ok(Math.abs(part('calm')) < ROUNDING);
      assert.ok(Math.abs(part('twin') - part('other twin')) < ROUNDING);
    }),
  );
});

test('the one group that moved stands first, with nearly all of the drift', () => {
  const reference = [100, 200, 400, 200, 100];
  const groups = [
    { name: 'a', current: [11, 19, 41, 20, 10] },
    { name: 'b', current: [9, 21, 39, 19, 12] },
    { name: 'broken', current: [80, 10, 5, 3, 2] },
    { name: 'idle', current: [0, 0, 0, 0, 0] },
  ];
  const { contributions } = attribution(reference, groups);
  assert.equal(contributions[0].name, 'broken');
  assert.ok(contributions[0].share > 0.9);
  assert.ok(!contributions.some(({ name }) => name === 'idle'));
});

test('with references of their own, groups that only changed their mix explain nothing: the whole tells of it', () => {
  const [low, high] = [
    [10, 5, 1, 0, 0],
    [0, 0, 1, 5, 10],
  ];
  const reference = low.map((count, i) => count + high[i]);
  const groups = [
    { name: 'low', current: low.map((count) => 9 * count), reference: low },
    { name: 'high', current: high, reference: high },
  ];
  const result = attribution(reference, groups);
  assert.ok(result.total < ROUNDING);
  assert.ok(result.whole > 0.05);
});

test('without rows on a side there is nothing to attribute', () => {
  assert.deepEqual(attributeToGroups([1, 2], []), { absence: 'noData' });
  assert.deepEqual(attributeToGroups([0, 0], [{ name: 'a', current: [1, 2] }]), { absence: 'noReference' });
  assert.deepEqual(attributedDistance({ absence: 'noData' }), absent('noData'));
});

test('the parts of the bins add up to the measure, and the bin that moved stands first', () => {
  fc.assert(
    fc.property(someCounts, someCounts, (reference, current) => {
      const sumOfParts = (terms: Float64Array): number => rankBins(terms).reduce((total, { part }) => total + part, 0);
      const [index, distance] = [psi(reference, current), jensenShannon(reference, current)];
      assert.ok(index.absence === undefined && distance.absence === undefined);
      assert.ok(Math.abs(sumOfParts(psiTerms(reference, current)) - index.value) < 1e-6);
      assert.ok(Math.abs(sumOfParts(jensenShannonTerms(reference, current)) - distance.value ** 2) < 1e-6);
    }),
  );
  assert.equal(rankBins(psiTerms([10, 10, 10], [10, 10, 60]))[0].bin, 2);
});

test('features are ranked by the size of their measure, and those without a number are left out', () => {
  const ranked = rankFeatures([
    { feature: 'a', measurement: measured(0.1) },
    { feature: 'b', measurement: measured(-0.3) },
    { feature: 'c', measurement: absent('noData') },
  ]);
  assert.deepEqual(
    ranked.map(({ feature, share }) => [feature, share.toFixed(2)]),
    [
      ['b', '0.75'],
      ['a', '0.25'],
    ],
  );
});
