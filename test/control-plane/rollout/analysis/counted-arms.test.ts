import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidegateError } from '../../../../contract/error.js';
import { RolloutPolicySchema } from '../../../../contract/rollout-policy.js';
import { countedArms } from '../../../../control-plane/rollout/analysis/counted-arms.js';
import { type CountedArm, judged } from '../../../../control-plane/rollout/analysis/judgement.js';
import { DATABASE, HOUR_MS, LabelRig, START_MS } from '../../labels/label-rig.js';

function metric(own: object) {
  const metrics = [{ name: 'm', query: { errors: true }, ...own }];
  return RolloutPolicySchema.parse({ steps: [{ warm: {} }], metrics }).metrics[0];
}

function arm(numerator: number, samples: number): CountedArm {
  return { samples, numerator, denominator: samples, squares: samples };
}

test('too little is what no_data says, and good only where that was asked for', () => {
  const rule = { above: 0.5 };
  const verdict = (no_data: string) => judged(metric({ rule, no_data }), arm(0, 99), arm(0, 1000)).verdict;
  assert.deepEqual(['pause', 'fail', 'pass'].map(verdict), ['inconclusive', 'fail', 'pass']);
  assert.equal(judged(metric({ rule }), arm(0, 0), arm(0, 0)).verdict, 'inconclusive');
  assert.equal(judged(metric({ rule }), arm(0, 100), arm(0, 99)).verdict, 'inconclusive', 'either arm');
});

test('limits judge the candidate, tests compare it with the champion', () => {
  assert.equal(judged(metric({ rule: { above: 0.5 } }), arm(50, 100), arm(0, 100)).verdict, 'fail');
  assert.equal(judged(metric({ rule: { above: 0.5 } }), arm(49, 100), arm(0, 100)).verdict, 'pass');
  assert.equal(judged(metric({ rule: { below: 0.9 } }), arm(90, 100), undefined).verdict, 'fail');
  for (const kind of ['msprt', 'group-sequential']) {
    const rule = { test: { kind, better: 'lower', margin: 0.01, samples: 20_000 } };
    assert.equal(judged(metric({ rule }), arm(2_000, 20_000), arm(1_000, 20_000)).verdict, 'fail', kind);
    assert.equal(judged(metric({ rule }), arm(1_000, 20_000), arm(1_000, 20_000)).verdict, 'pass', kind);
    assert.equal(judged(metric({ rule }), arm(12, 100), arm(5, 100)).verdict, 'inconclusive', kind);
    assert.equal(judged(metric({ rule }), arm(12, 100), undefined).verdict, 'error', kind);
  }
});

test('a group-sequential test spends nothing on a look at which nothing new has come', () => {
  const rule = { test: { kind: 'group-sequential', better: 'lower', samples: 1000 } };
  const first = judged(metric({ rule }), arm(60, 500), arm(50, 500));
  assert.deepEqual(first.looks.times, [0.5]);
  assert.deepEqual(judged(metric({ rule }), arm(60, 500), arm(50, 500), first.looks).looks, first.looks);
});

test('errors and agreement are counted from the log of a real store, as often as each row stands for', async (t) => {
  const rig = await LabelRig.open(t);
  const row = (i: number, version: number, own: object) => ({ request_id: `r${i}`, version, ...own });
  await rig.log([
    ...Array.from({ length: 10 }, (_, i) => row(i, 1, { score: 0.5, class: 'yes' })),
    ...Array.from({ length: 8 }, (_, i) => row(i, 2, { score: i < 6 ? 0.505 : 0.9, class: 'yes', variant: 'shadow' })),
    row(8, 2, { score: 0.5, class: 'no', share: 0.5, variant: 'shadow' }),
    row(50, 2, { score: 0.5, class: 'yes' }),
    row(51, 2, { score: 0.5, class: 'yes', ts_ms: START_MS + 2 * HOUR_MS }),
  ]);
  const failed = {
    ts: (START_MS / 1000).toFixed(6),
    node: 'n',
    epoch: 1,
    seq: 999,
    request_id: 'f',
    model: 'binary',
    version: 2,
  };
  const values = [{ ...failed, row_idx: 0, outcome: 'QUEUE_FULL', share: 1 }];
  await rig.client.insert({ table: `${DATABASE}.inference_log`, values, format: 'JSONEachRow' });
  const question = { model: 'binary', champion: 1, candidate: 2, from_ms: START_MS, to_ms: START_MS + HOUR_MS };
  const errors = await countedArms(rig.client, DATABASE, { errors: true }, question);
  assert.deepEqual(errors.champion, { samples: 10, numerator: 0, denominator: 10, squares: 10 });
  assert.deepEqual(errors.candidate, { samples: 11, numerator: 1, denominator: 12, squares: 14 });
  const [again] = await rig.rows(`SELECT numerator FROM (${errors.sql}) WHERE version = 2`);
  assert.deepEqual(again, { numerator: 1 }, 'the statement that is kept counts the same again');
  const agreement = await countedArms(rig.client, DATABASE, { agreement: { within: 0.01 } }, question);
  assert.deepEqual(agreement.candidate, { samples: 9, numerator: 6, denominator: 10, squares: 12 });
  assert.equal(agreement.champion, undefined);
  const nobody = await countedArms(rig.client, DATABASE, { errors: true }, { ...question, candidate: 77 });
  assert.equal(nobody.candidate.samples, 0);
  await assert.rejects(
    countedArms(rig.client, DATABASE, { performance: 'auroc' }, question),
    (error) => error instanceof TidegateError && error.code === 'UNSUPPORTED',
  );
});
