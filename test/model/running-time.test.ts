import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { runningTimeDependsOnValues } from '../../runtime/model/running-time.js';
import { FIXTURES, SERVING_MODELS } from '../harness/checkout.js';

test('a model that repeats as often as its input says, or takes a branch, may take longer than a run that was measured', () => {
  assert.equal(runningTimeDependsOnValues(join(SERVING_MODELS, 'slow', '1', 'model.onnx')), true);
  assert.equal(runningTimeDependsOnValues(join(FIXTURES, 'models', 'bf16_branch.onnx')), true);
});

test('a model that only computes on what it gets does not, with state or without', () => {
  for (const model of ['scale', 'accumulator', 'text', 'half']) {
    assert.equal(runningTimeDependsOnValues(join(SERVING_MODELS, model, '1', 'model.onnx')), false, model);
  }
});
