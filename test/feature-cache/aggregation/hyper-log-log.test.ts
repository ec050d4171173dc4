import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HyperLogLog } from '../../../feature-cache/aggregation/hyper-log-log.js';

function of(values: Iterable<string>): HyperLogLog {
  const sketch = new HyperLogLog();
  for (const value of values) sketch.add(value);
  return sketch;
}

function* names(count: number, prefix = 'name'): Generator<string> {
  for (let i = 0; i < count; i++) yield `${prefix}-${i}`;
}

test('up to 64 values it counts without an error, however often each comes', () => {
  for (const count of [0, 1, 17, 64]) {
    assert.equal(of([...names(count), ...names(count)]).count, count);
  }
});

test('beyond, the error stays within four of its standard errors, at every size up to a million', () => {
  for (const count of [65, 500, 5_000, 10_000, 12_000, 100_000, 1_000_000]) {
    const found = of(names(count)).count;
    const error = Math.abs(found - count) / count;
    assert.ok(error < (4 * 1.04) / 64, `${found} of ${count}`);
  }
});

test('merging is the same as having seen all, in whatever order and however it was kept meanwhile', () => {
  const lists = fc.array(fc.array(fc.integer({ min: 0, max: 300 }).map(String), { maxLength: 120 }), { maxLength: 4 });
  fc.assert(
    fc.property(lists, (parts) => {
      const whole = of(parts.flat());
      const merged = new HyperLogLog();
      for (const part of parts.toReversed()) merged.merge(HyperLogLog.restored(of(part).state));
      assert.deepEqual(merged.state, whole.state);
    }),
  );
});
