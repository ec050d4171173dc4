import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RolloutPolicySchema } from '../../contract/rollout-policy.js';

const errors = { name: 'errors', query: { errors: true }, rule: { above: 0.01 } };

function complaint(policy: unknown): string {
  const read = RolloutPolicySchema.safeParse(policy);
  assert.equal(read.success, false);
  return read.error?.issues.map(({ message }) => message).join('; ') ?? '';
}

test('a policy of a few lines is full of defaults that wait rather than pass', () => {
  const policy = RolloutPolicySchema.parse({
    steps: [
      { shadow: {} },
      { weight: { percent: 5 } },
      { pause: { for: '10m' } },
      { analysis: { metrics: ['errors'] } },
    ],
    metrics: [errors],
  });
  assert.deepEqual(policy.steps[1], { weight: { percent: 5, nodes: { labels: {} } } });
  assert.deepEqual(policy.steps[2], { pause: { for: 600_000 } });
  assert.equal(policy.metrics[0].no_data, 'pause');
  assert.equal(policy.metrics[0].min_samples, 100);
  assert.equal(policy.warm_within, 900_000);
  assert.deepEqual(RolloutPolicySchema.parse(JSON.parse(JSON.stringify(policy))), policy, 'it can be kept');
});

test('an analysis of a metric that nobody described is refused by name', () => {
  assert.match(
    complaint({ steps: [{ analysis: { metrics: ['latency'] } }], metrics: [errors] }),
    /no metric 'latency'/,
  );
  assert.match(complaint({ steps: [{ warm: {} }], background: ['auroc'] }), /no metric 'auroc'/);
  assert.match(complaint({ steps: [{ warm: {} }], metrics: [errors, errors] }), /same name/);
});

test('a metric measures one thing by one rule, and asks for at least one sample', () => {
  const policy = (metric: object): object => ({ steps: [{ warm: {} }], metrics: [{ ...errors, ...metric }] });
  assert.match(complaint(policy({ query: {} })), /exactly one/);
  assert.match(complaint(policy({ query: { errors: true, latency_ms: 0.99 } })), /exactly one/);
  assert.match(complaint(policy({ rule: {} })), /one of 'above'/);
  assert.match(complaint(policy({ rule: { above: 1, below: 0 } })), /one of 'above'/);
  assert.notEqual(complaint(policy({ min_samples: 0 })), '');
  const planned = { test: { kind: 'group-sequential', better: 'lower' } };
  assert.match(complaint(policy({ rule: planned })), /needs 'samples'/);
});

test('a weight of nothing or of more than all, a time zone and a time of day that are none, are refused', () => {
  for (const percent of [0, -1, 101, Number.NaN]) complaint({ steps: [{ weight: { percent } }] });
  const windowed = (window: object): object => ({
    steps: [{ warm: {} }],
    windows: [{ from: '09:00', to: '17:00', ...window }],
  });
  assert.match(complaint(windowed({ time_zone: 'Mars/Olympus' })), /time zone/);
  assert.match(complaint(windowed({ from: '24:00' })), /time of day/);
  assert.match(complaint({ steps: [] }), /./);
});
