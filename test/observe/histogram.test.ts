import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventLoopDelay } from '../../runtime/observe/event-loop-delay.js';
import { Histogram, LATENCY_BUCKETS_US } from '../../runtime/observe/histogram.js';

test('a value lies in the first bucket whose bound it does not exceed', () => {
  const histogram = new Histogram([1, 10]);
  for (const value of [0, 1, 1.5, 10, 11]) histogram.record(value);
  assert.deepEqual([...histogram.counts], [2, 2, 1]);
  assert.equal(histogram.count, 5);
  assert.equal(histogram.sum, 23.5);
});

test('a histogram without values has no quantile, and one beyond all bounds has the last bound', () => {
  const histogram = new Histogram([1, 10]);
  assert.ok(Number.isNaN(histogram.quantile(0.5)));
  histogram.record(1e9);
  assert.equal(histogram.quantile(0.99), 10);
});

test('for any values: a quantile lies in the bucket of the true one, and rises with its share', () => {
  const value = fc.double({ min: 0, max: 9e6, noNaN: true });
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 200 }), (values) => {
      const histogram = new Histogram(LATENCY_BUCKETS_US);
      for (const each of values) histogram.record(each);
      const sorted = [...values].sort((a, b) => a - b);
      let last = 0;
      for (const share of [0.01, 0.5, 0.9, 0.99, 1]) {
        const exact = sorted[Math.ceil(share * sorted.length) - 1];
        const upper = LATENCY_BUCKETS_US.findIndex((bound) => exact <= bound);
        const estimate = histogram.quantile(share);
        assert.ok(estimate >= (LATENCY_BUCKETS_US[upper - 1] ?? 0) && estimate <= LATENCY_BUCKETS_US[upper]);
        assert.ok(estimate >= last);
        last = estimate;
      }
    }),
  );
});

test('the delay of the event loop is how late the timer ran, and an early one is not late', () => {
  let clock_us = 0;
  const delay = new EventLoopDelay(() => clock_us);
  delay.start();
  delay.stop();
  for (const after_us of [20_000, 20_400, 95_000, 19_500]) {
    clock_us += after_us;
    delay.tick();
  }
  const { histogram } = delay;
  assert.equal(histogram.count, 4);
  assert.equal(histogram.sum, 75_400);
  assert.equal(histogram.counts[histogram.bounds.indexOf(100_000)], 1);
});
