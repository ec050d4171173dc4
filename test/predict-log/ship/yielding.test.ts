import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdleShare, yield_ms } from '../../../runtime/predict-log/ship/yielding.js';

const MOST = 1000;
const scarce = { busy: 0.8, idle: 0.1, lag_bytes: 10 };

test('the shipper leaves a saturated machine to predictions, for some times its own work and never for long', () => {
  assert.equal(yield_ms(100, scarce, MOST), 700);
  assert.equal(yield_ms(60_000, scarce, MOST), 5000);
});

test('it does not wait where cores are idle, where predictions ask for little, or where the spool fills', () => {
  assert.equal(yield_ms(100, { ...scarce, idle: 0.3 }, MOST), 0);
  assert.equal(yield_ms(100, { ...scarce, busy: 0.3 }, MOST), 0);
  assert.equal(yield_ms(100, { ...scarce, lag_bytes: MOST }, MOST), 0);
  assert.equal(yield_ms(100, scarce, 0), 0);
});

test('the idle share of a machine is a share', () => {
  const share = new IdleShare().now();
  assert.ok(share >= 0 && share <= 1);
});
