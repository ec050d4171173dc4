import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { charge, leastServed, settle, wake } from '../../runtime/batch/fair-share.js';

interface Model {
  served_us: number;
  readonly share: number;
  readonly run_us: number;
  had_us: number;
}

/** Serves always-waiting models for a while, one run at a time. */
function serve(models: readonly Model[], until_us: number): void {
  for (let now_us = 0; now_us < until_us; ) {
    const next = leastServed(models);
    if (next === undefined) return;
    charge(next, next.run_us * 2, next.share);
    settle(next, next.run_us * 2, next.run_us, next.share);
    next.had_us += next.run_us;
    now_us += next.run_us;
  }
}

test('models that always have work get time by their shares, however long their runs are', () => {
  const model = fc.record({ share: fc.integer({ min: 1, max: 8 }), run_us: fc.integer({ min: 10, max: 5000 }) });
  fc.assert(
    fc.property(fc.array(model, { minLength: 2, maxLength: 8 }), (specs) => {
      const models = specs.map((spec): Model => ({ ...spec, served_us: 0, had_us: 0 }));
      serve(models, 2_000_000);
      const shares = models.reduce((sum, { share }) => sum + share, 0);
      for (const { share, had_us, run_us } of models) {
        const due_us = (2_000_000 * share) / shares;
        const slack_us = 2 * Math.max(run_us, ...models.map((other) => (other.run_us * share) / other.share)) + 5000;
        assert.ok(Math.abs(had_us - due_us) <= slack_us, `had ${had_us} µs, was due ${due_us} µs`);
      }
    }),
  );
});

test('a model that was idle does not claim the time that it did not use', () => {
  const busy: Model = { share: 1, run_us: 100, served_us: 0, had_us: 0 };
  serve([busy], 1_000_000);
  const late: Model = { share: 1, run_us: 100, served_us: 0, had_us: 0 };
  wake(late, busy.served_us);
  serve([busy, late], 100_000);
  assert.ok(Math.abs(late.had_us - 50_000) <= 200, `it had ${late.had_us} of 100000 µs`);
});
