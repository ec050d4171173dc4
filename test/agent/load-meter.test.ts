import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadMeter, type VersionCount } from '../../runtime/agent/load-meter.js';

const count = (answered: number, failed: number, answered_us: number): VersionCount => ({
  model: 'm',
  version: '2',
  answered,
  failed,
  answered_us,
});

test('rates are of the time since the sample before; a version that nobody asked is left out', () => {
  let counts = [count(100, 0, 1_000_000)];
  const meter = new LoadMeter(() => counts, 0);
  meter.sample(2000);
  assert.deepEqual(meter.rates, [{ model: 'm', version: 2, answered_per_s: 50, failed_per_s: 0, mean_us: 10_000 }]);
  counts = [count(110, 5, 1_020_000)];
  meter.sample(4000);
  assert.deepEqual(meter.rates, [{ model: 'm', version: 2, answered_per_s: 5, failed_per_s: 2.5, mean_us: 2000 }]);
  meter.sample(6000);
  assert.deepEqual(meter.rates, []);
});

test('counters that were forgotten, and a clock that stands still, give no rate', () => {
  let counts = [count(100, 0, 1_000_000)];
  const meter = new LoadMeter(() => counts, 0);
  meter.sample(1000);
  counts = [count(3, 0, 30_000)];
  meter.sample(2000);
  assert.deepEqual(meter.rates, []);
  counts = [count(4, 0, 40_000)];
  meter.sample(2000);
  assert.deepEqual(meter.rates, []);
});
