import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LARGEST_ERROR, LatencyHistogram } from '../../loadtest/latency-histogram.js';
import { weightedPick } from '../../loadtest/open-loop/load-plan.js';
import { arrivals, durationOf_ms, expectedOf, type Schedule } from '../../loadtest/open-loop/schedule.js';

const phase = fc.record({
  name: fc.constant('p'),
  duration_ms: fc.integer({ min: 10, max: 3000 }),
  from_per_s: fc.integer({ min: 0, max: 500 }),
  to_per_s: fc.integer({ min: 0, max: 500 }),
});
const phases = fc.array(phase, { minLength: 1, maxLength: 4 });

function whole(schedule: Omit<Schedule, 'thread'>): number[] {
  const all = Array.from({ length: schedule.threads }, (_, thread) => [...arrivals({ ...schedule, thread })]);
  return all
    .flat()
    .map(({ at_ms }) => at_ms)
    .sort((a, b) => a - b);
}

test('constant arrivals come in the number that the rates say, whatever the number of threads', () => {
  fc.assert(
    fc.property(phases, fc.integer({ min: 1, max: 5 }), (stretches, threads) => {
      const expected = stretches.reduce((sum, stretch) => sum + expectedOf(stretch), 0);
      const shared = whole({ phases: stretches, arrivals: 'constant', seed: 1, threads });
      const alone = whole({ phases: stretches, arrivals: 'constant', seed: 1, threads: 1 });
      assert.ok(Math.abs(shared.length - expected) <= 1);
      assert.equal(shared.length, alone.length);
      for (const [at, at_ms] of shared.entries()) assert.ok(Math.abs(at_ms - alone[at]) < 1e-6);
    }),
  );
});

test('arrivals are in order, within the run, and the same again for the same seed', () => {
  fc.assert(
    fc.property(phases, fc.constantFrom('poisson', 'constant'), fc.nat(1000), (stretches, kind, seed) => {
      const schedule = { phases: stretches, arrivals: kind, seed, thread: 0, threads: 2 } as const;
      const first = [...arrivals(schedule)];
      assert.deepEqual(first, [...arrivals(schedule)]);
      let before_ms = 0;
      for (const { at_ms } of first) {
        assert.ok(at_ms >= before_ms - 1e-6 && at_ms <= durationOf_ms(stretches) + 1e-6);
        before_ms = at_ms;
      }
    }),
  );
});

test('gaps of Poisson arrivals have the mean and the spread of an exponential distribution', () => {
  const steady = [{ name: 's', duration_ms: 100_000, from_per_s: 500, to_per_s: 500 }];
  const times = whole({ phases: steady, arrivals: 'poisson', seed: 7, threads: 3 });
  const gaps = times.slice(1).map((at_ms, i) => at_ms - times[i]);
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  assert.ok(Math.abs(mean - 2) < 0.05, `mean ${mean} ms`);
  assert.ok(Math.abs(deviation - 2) < 0.08, `standard deviation ${deviation} ms`);
});

test('the halves of a ramp from 0 have a quarter and three quarters of its requests', () => {
  const ramp = [{ name: 'r', duration_ms: 1000, from_per_s: 0, to_per_s: 800 }];
  const times = whole({ phases: ramp, arrivals: 'constant', seed: 1, threads: 1 });
  assert.equal(times.length, 400);
  assert.equal(times.filter((at_ms) => at_ms < 500).length, 100);
});

test('requests are picked as often as their weights say', () => {
  const pick = weightedPick([1, 2, 5]);
  const counts = [0, 0, 0];
  for (let i = 0; i < 800; i++) counts[pick((i + 0.5) / 800)]++;
  assert.deepEqual(counts, [100, 200, 500]);
});

test('percentiles of the histogram are within 1 % of the exact ones, and parts add up', () => {
  const latencies = fc.array(fc.double({ min: 1, max: 9e7, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(latencies, fc.double({ min: 0.001, max: 1, noNaN: true }), (values, share) => {
      const [left, right] = [new LatencyHistogram(), new LatencyHistogram()];
      for (const [at, value] of values.entries()) (at % 2 === 0 ? left : right).record(value);
      const both = LatencyHistogram.of(left.data(), right.data());
      const sorted = [...values].sort((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(sorted.length * share)) - 1];
      assert.ok(Math.abs(both.percentile(share) / exact - 1) <= LARGEST_ERROR + 1e-9);
      assert.equal(both.count, values.length);
      assert.equal(both.max_us, sorted.at(-1));
    }),
  );
});
