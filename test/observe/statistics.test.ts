import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidegateError } from '../../contract/error.js';
import { Statistics } from '../../runtime/observe/statistics.js';
import { stages, versionOf } from './rig.js';

test('a version that never saw a request has the statistics that Triton gives', () => {
  const none = { count: 0, ns: 0 };
  assert.deepEqual(JSON.parse(JSON.stringify(new Statistics().of('iris', 2))), {
    name: 'iris',
    version: '2',
    last_inference: 0,
    inference_count: 0,
    execution_count: 0,
    inference_stats: {
      success: none,
      fail: none,
      queue: none,
      compute_input: none,
      compute_infer: none,
      compute_output: none,
      cache_hit: none,
      cache_miss: none,
    },
    response_stats: {},
    batch_stats: [],
    memory_usage: [],
  });
});

test('rows count as inferences, batches as executions, callers as successes; times are nanoseconds', () => {
  const statistics = new Statistics();
  const iris = versionOf('iris', 1, 7);
  const before_ms = Date.now();
  statistics.executed(iris, 4, 2, stages(0, 50));
  statistics.succeeded(iris, 'http', 3, 100.5, stages(10, 50));
  statistics.succeeded(iris, 'websocket', 1, 200, stages(20, 50));
  statistics.executed(iris, 1, 1, stages(0, 30));
  statistics.succeeded(iris, 'http', 1, 40, stages(0, 30));
  const counted = statistics.of('iris', 1).toJSON();
  assert.ok(
    counted.last_inference >= before_ms && counted.last_inference <= Date.now(),
    'milliseconds since the epoch',
  );
  assert.equal(counted.inference_count, 5);
  assert.equal(counted.execution_count, 2);
  assert.deepEqual(counted.inference_stats['success'], { count: 3, ns: 340_500 });
  assert.deepEqual(counted.inference_stats['queue'], { count: 3, ns: 30_000 });
  assert.deepEqual(counted.inference_stats['compute_infer'], { count: 3, ns: 130_000 });
  assert.deepEqual(counted.batch_stats, [
    {
      batch_size: 1,
      compute_input: { count: 1, ns: 1000 },
      compute_infer: { count: 1, ns: 30_000 },
      compute_output: { count: 1, ns: 2000 },
    },
    {
      batch_size: 4,
      compute_input: { count: 1, ns: 1000 },
      compute_infer: { count: 1, ns: 50_000 },
      compute_output: { count: 1, ns: 2000 },
    },
  ]);
});

test('failures count apart from successes, by reason', () => {
  const statistics = new Statistics();
  const iris = versionOf('iris', 1, 7);
  for (const code of [
    'QUEUE_FULL',
    'DEADLINE_EXPIRED',
    'CANCELLED',
    'BACKEND_FAILED',
    'INTERNAL',
    'SEQUENCE_NOT_FOUND',
  ] as const)
    statistics.failed(iris, 'http', new TidegateError(code, 'no'), 10);
  const counters = statistics.of('iris', 1);
  assert.deepEqual(counters.failures, { REJECTED: 2, CANCELED: 1, BACKEND: 1, OTHER: 2 });
  assert.deepEqual(counters.toJSON().inference_stats['fail'], { count: 6, ns: 60_000 });
  assert.equal(counters.toJSON().inference_stats['success'].count, 0);
});

test('a reload of a version goes on counting, and other versions have counters of their own', () => {
  const statistics = new Statistics();
  statistics.succeeded(versionOf('iris', 1, 1), 'http', 1, 10, stages(0, 5));
  statistics.succeeded(versionOf('iris', 1, 9), 'http', 1, 10, stages(0, 5));
  statistics.succeeded(versionOf('iris', 2, 10), 'http', 1, 10, stages(0, 5));
  statistics.succeeded(versionOf('flights', 1, 3), 'http', 1, 10, stages(0, 5));
  const counts = [...statistics.versions()].map(({ model, version, rows }) => [model, version, rows]);
  assert.deepEqual(counts, [
    ['iris', '1', 2],
    ['iris', '2', 1],
    ['flights', '1', 1],
  ]);
});

test('three thousand versions cost no more than a thousand: those that were idle longest are forgotten, those in use never', () => {
  const statistics = new Statistics();
  const steady = versionOf('steady', 1, 0);
  for (let handle = 1; handle <= 3000; handle++) {
    const version = versionOf('swapped', handle, handle);
    statistics.executed(version, 1, 1, stages(0, 5));
    statistics.executed(steady, 1, 1, stages(0, 5));
  }
  const versions = [...statistics.versions()];
  assert.ok(versions.length <= 1024);
  assert.equal(statistics.of('steady', 1).executions, 3000);
  assert.equal(statistics.of('swapped', 3000).executions, 1);
  // A forgotten handle that counts again is seen again, from zero.
  statistics.executed(versionOf('swapped', 1, 1), 1, 1, stages(0, 5));
  assert.equal(statistics.of('swapped', 1).executions, 1);
});

test('errors are counted as callers were told them, by face', () => {
  const statistics = new Statistics();
  statistics.told('http', 'INVALID_JSON');
  statistics.told('http', 'INVALID_JSON');
  statistics.told('websocket', 'CREDIT_EXCEEDED');
  assert.deepEqual(
    [...statistics.errors()],
    [
      { face: 'http', code: 'INVALID_JSON', count: 2 },
      { face: 'websocket', code: 'CREDIT_EXCEEDED', count: 1 },
    ],
  );
});
