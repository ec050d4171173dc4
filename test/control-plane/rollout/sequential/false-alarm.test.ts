import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { boundaries } from '../../../../control-plane/rollout/sequential/alpha-spending.js';
import { meanArm, proportionArm, worseBy } from '../../../../control-plane/rollout/sequential/arms.js';
import { mixtureReading, mixtureVerdict } from '../../../../control-plane/rollout/sequential/mixture-test.js';
import { seededRandom } from '../../../harness/seeded-random.js';

const LOOKS = 20;
const EACH = 200;
const RUNS = 600;
const ALPHA = 0.05;

interface Look {
  readonly look: number;
  readonly z: number;
  readonly difference: { readonly by: number; readonly variance: number };
}

/** How many of the runs stop at any of their looks, with error rates of the arms as given. */
function stops(rates: readonly [number, number], isStopped: (look: Look) => boolean): number {
  const random = seededRandom(20_261);
  let stopped = 0;
  for (let run = 0; run < RUNS; run++) {
    const events = [0, 0];
    for (let look = 1; look <= LOOKS; look++) {
      for (const arm of [0, 1]) for (let i = 0; i < EACH; i++) if (random() < rates[arm]) events[arm]++;
      const n = look * EACH;
      const difference = worseBy(proportionArm(events[0], n), proportionArm(events[1], n), 'lower');
      if (isStopped({ look, difference, z: difference.by / Math.sqrt(difference.variance) })) {
        stopped++;
        break;
      }
    }
  }
  return stopped / RUNS;
}

/** Three standard errors of a share of α in so many runs. */
const ALLOWED = ALPHA + 3 * Math.sqrt((ALPHA * (1 - ALPHA)) / RUNS);
const bounds = {
  'obrien-fleming': boundaries(
    Array.from({ length: LOOKS }, (_, i) => (i + 1) / LOOKS),
    'obrien-fleming',
    ALPHA,
  ),
  pocock: boundaries(
    Array.from({ length: LOOKS }, (_, i) => (i + 1) / LOOKS),
    'pocock',
    ALPHA,
  ),
};

test('who looks twenty times at two equal arms with an ordinary test is wrong often; with a sequential one as seldom as was asked for', () => {
  const same = [0.1, 0.1] as const;
  assert.ok(stops(same, ({ z }) => Math.abs(z) > 1.96) > 0.15, 'the trap is there');
  const mixture = stops(same, ({ difference }) => mixtureReading(difference, 0.0004, ALPHA).pValue <= ALPHA);
  assert.ok(mixture <= ALLOWED, `mixture: ${mixture}`);
  for (const [kind, z] of Object.entries(bounds)) {
    const share = stops(same, (each) => Math.abs(each.z) > z[each.look - 1]);
    assert.ok(share <= ALLOWED, `${kind}: ${share}`);
  }
});

test('a candidate with half as many errors more is found nearly always by each of them', () => {
  const worse = [0.15, 0.1] as const;
  const rule = { margin: 0, mixture: 0.0004, alpha: ALPHA };
  assert.ok(stops(worse, ({ difference }) => mixtureVerdict(difference, rule).verdict === 'fail') > 0.95);
  for (const z of Object.values(bounds)) assert.ok(stops(worse, (each) => each.z > z[each.look - 1]) > 0.95);
});

test('the confidence sequence shuts out no effect exactly where the p-value is below α', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -1, max: 1, noNaN: true }),
      fc.double({ min: 1e-6, max: 1, noNaN: true }),
      fc.double({ min: 1e-6, max: 1, noNaN: true }),
      (by, variance, mixture) => {
        const { low, high, pValue } = mixtureReading({ by, variance }, mixture, ALPHA);
        const edge = Math.min(Math.abs(low), Math.abs(high)) < 1e-9;
        assert.ok(edge || (low > 0 || high < 0) === pValue < ALPHA);
      },
    ),
  );
});

test('arms without samples, or without any event yet, decide nothing', () => {
  const rule = { margin: 0.01, mixture: 0.0001, alpha: ALPHA };
  const verdict = (a: [number, number], b: [number, number]): string =>
    mixtureVerdict(worseBy(proportionArm(...a), proportionArm(...b), 'lower'), rule).verdict;
  assert.equal(verdict([0, 0], [0, 0]), 'inconclusive');
  assert.equal(verdict([0, 10], [0, 0]), 'inconclusive');
  assert.equal(verdict([0, 10], [0, 10]), 'inconclusive');
  assert.equal(verdict([0, 20_000], [0, 20_000]), 'pass', 'until there are enough of them');
  assert.equal(verdict([2_000, 20_000], [0, 20_000]), 'fail');
  assert.equal(meanArm(1, 3, 9).variance, Number.POSITIVE_INFINITY);
  assert.deepEqual(meanArm(4, 10, 30), { n: 4, mean: 2.5, variance: 5 / 3 });
});

test('what moved while it was looked at is not taken for evidence', () => {
  const rule = { margin: 0, mixture: 0.01, alpha: ALPHA };
  const first = mixtureVerdict({ by: -0.5, variance: 1e-4 }, rule);
  assert.equal(first.verdict, 'pass');
  assert.equal(mixtureVerdict({ by: 0.5, variance: 1e-4 }, rule, first).verdict, 'inconclusive');
});
