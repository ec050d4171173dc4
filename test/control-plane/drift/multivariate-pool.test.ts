import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MultivariateQuestion, multivariateAnswers } from '../../../control-plane/drift/multivariate-methods.js';
import { inThread } from '../../../control-plane/drift/multivariate-pool.js';
import type { FeatureColumn } from '../../../control-plane/drift/statistics/feature-matrix.js';
import { seededRandom } from '../../harness/seeded-random.js';

function question(seed: number, rows: number): MultivariateQuestion {
  const random = seededRandom(seed);
  const side = (shift: number): FeatureColumn[] =>
    ['a', 'b', 'c'].map((name) => ({
      name,
      kind: 'numeric',
      values: Array.from({ length: rows }, () => random() + shift),
    }));
  return { methods: ['pca', 'classifier'], reference: side(0), current: side(seed / 10), least_samples: 30 };
}

test('more questions than threads are all answered as they would be here, and meanwhile others are', async () => {
  const questions = Array.from({ length: 5 }, (_, seed) => question(seed, 2000));
  let turns = 0;
  const others = setInterval(() => turns++, 1);
  const answers = await Promise.all(questions.map(inThread)).finally(() => clearInterval(others));
  assert.deepEqual(answers, questions.map(multivariateAnswers));
  assert.equal(answers[4].classifier?.verdict, 'drift');
  // Had they been computed here, no timer would have run before the last answer.
  assert.ok(turns > 10, `${turns}`);
});

test('a question that cannot be answered fails alone, and gives its thread back', async () => {
  const whole = question(1, 300);
  const broken = { ...whole, current: whole.current.slice(1) };
  const results = await Promise.allSettled([broken, broken, broken, whole, broken].map(inThread));
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected', 'fulfilled', 'rejected'],
  );
  assert.deepEqual(await inThread(whole), multivariateAnswers(whole));
});
