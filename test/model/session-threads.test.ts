import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseThreads } from '../../runtime/model/session-threads.js';

const LARGE = 500_000_000;

test('a model that all workers hold has one thread a run, and one that a single worker holds has them all', () => {
  const question = { wanted: undefined, workers: 8, bytes: LARGE, device: 'cpu' };
  assert.equal(chooseThreads({ ...question, instances: 8 }).threads, 1);
  assert.equal(chooseThreads({ ...question, instances: 1 }).threads, 8);
  assert.match(chooseThreads({ ...question, instances: 1 }).reason, /1 of 8 workers hold it/);
});

test('small models, and those on a GPU, have one thread; what the manifest says holds', () => {
  const question = { wanted: undefined, workers: 8, instances: 1, bytes: LARGE, device: 'cpu' };
  assert.equal(chooseThreads({ ...question, bytes: 1000 }).threads, 1);
  assert.equal(chooseThreads({ ...question, device: 'webgpu' }).threads, 1);
  assert.equal(chooseThreads({ ...question, wanted: 3, device: 'webgpu' }).threads, 3);
});

test('the runs of one model never have more threads together than there are workers', () => {
  const natural = fc.integer({ min: 1, max: 256 });
  fc.assert(
    fc.property(natural, natural, (workers, wish) => {
      const instances = Math.min(workers, wish);
      const { threads } = chooseThreads({ wanted: undefined, workers, instances, bytes: LARGE, device: 'cpu' });
      assert.ok(threads >= 1 && threads * instances <= workers);
    }),
  );
});
