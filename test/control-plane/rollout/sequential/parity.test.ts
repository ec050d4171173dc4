import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { boundaries } from '../../../../control-plane/rollout/sequential/alpha-spending.js';
import { mixtureReading } from '../../../../control-plane/rollout/sequential/mixture-test.js';
import { thompsonPercent } from '../../../../control-plane/rollout/sequential/thompson.js';
import { FIXTURES } from '../../../harness/checkout.js';
import { seededRandom } from '../../../harness/seeded-random.js';

const counts = z.tuple([z.number(), z.number()]);
const kept = z
  .object({
    boundaries: z.array(
      z.object({
        kind: z.enum(['obrien-fleming', 'pocock']),
        alpha: z.number(),
        times: z.array(z.number()),
        z: z.array(z.number()),
      }),
    ),
    ratios: z.array(z.object({ by: z.number(), variance: z.number(), mixture: z.number(), ratio: z.number() })),
    better: z.array(z.object({ candidate: counts, champion: counts, probability: z.number() })),
  })
  .parse(JSON.parse(readFileSync(join(FIXTURES, 'rollout', 'sequential.json'), 'utf8')));

function assertNear(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries()) {
    assert.ok(Math.abs(value - expected[i]) <= tolerance, `${actual} is not ${expected}`);
  }
}

test('five even looks at 5 % give the boundaries that are published for Lan and DeMets', () => {
  const times = [0.2, 0.4, 0.6, 0.8, 1];
  assertNear(boundaries(times, 'obrien-fleming', 0.05), [4.8769, 3.3569, 2.6803, 2.2898, 2.031], 2e-4);
  assertNear(boundaries(times, 'pocock', 0.05), [2.438, 2.4268, 2.4101, 2.3966, 2.3859], 2e-4);
});

test('boundaries of uneven looks are those that scipy finds by the joint normal distribution', () => {
  for (const { kind, alpha, times, z: expected } of kept.boundaries) {
    assertNear(boundaries(times, kind, alpha), expected, 1e-4);
  }
});

test('one look at the end is the ordinary test, and looks that go back are refused', () => {
  assertNear(boundaries([1], 'obrien-fleming', 0.05), [1.959964], 1e-5);
  assert.throws(() => boundaries([0.5, 0.5], 'pocock', 0.05), /growing shares/);
});

test('the ratio of the mixture is the integral over the effects that it mixes', () => {
  for (const { by, variance, mixture, ratio } of kept.ratios) {
    const { logRatio } = mixtureReading({ by, variance }, mixture, 0.05);
    assertNear([Math.exp(logRatio) / ratio], [1], 1e-7);
  }
});

test("Thompson's weight is the probability that the candidate is better, within its limits", () => {
  for (const { candidate, champion, probability } of kept.better) {
    const arm = ([successes, failures]: readonly [number, number]) => ({ successes, failures });
    const random = seededRandom(7);
    const percent = thompsonPercent(arm(candidate), arm(champion), random, { least: 0, most: 100 });
    // Four standard errors of 4000 draws.
    assertNear([percent], [100 * probability], 3.2);
  }
  const sure = thompsonPercent({ successes: 0, failures: 900 }, { successes: 900, failures: 0 }, seededRandom(1));
  assert.equal(sure, 1, 'the worse arm keeps what is needed to find out that it became better');
});
