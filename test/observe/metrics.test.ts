import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TidegateError } from '../../contract/error.js';
import { Statistics } from '../../runtime/observe/statistics.js';
import { CHECKOUT, type Cleanup } from '../harness/checkout.js';
import { type Family, parseExposition } from './prometheus-text.js';
import { metricsOf, stages, versionOf } from './rig.js';

/** A node on which everything has happened once. */
function busyNode(t: Cleanup): ReadonlyMap<string, Family> {
  const statistics = new Statistics();
  const iris = versionOf('iris', 1, 1);
  statistics.executed(iris, 3, 2, stages(0, 50));
  statistics.succeeded(iris, 'http', 2, 150, stages(10, 50));
  statistics.succeeded(iris, 'websocket', 1, 250, stages(20, 50));
  statistics.failed(iris, 'http', new TidegateError('QUEUE_FULL', 'full'), 5);
  statistics.told('http', 'QUEUE_FULL');
  statistics.workerLost();
  const pending = () => [
    { model: 'iris', version: '1', requests: 2, bytes: 30, shed: 1 },
    // The queue of the same version before it was reloaded.
    { model: 'iris', version: '1', requests: 1, bytes: 12, shed: 0 },
  ];
  const metrics = metricsOf(t, statistics, { pending });
  return parseExposition(metrics.expose());
}

/** The one sample of this name with these labels. */
function numberOf(families: ReadonlyMap<string, Family>, name: string, labels: Record<string, string> = {}): number {
  const samples = [...families.values()].flatMap((family) => family.samples);
  const found = samples.filter(
    (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  assert.equal(found.length, 1, `${name} ${JSON.stringify(labels)}`);
  return found[0].value;
}

test("Triton's names say what Triton's statistics say", (t) => {
  const families = busyNode(t);
  const iris = { model: 'iris', version: '1' };
  assert.equal(numberOf(families, 'nv_inference_request_success', iris), 2);
  assert.equal(numberOf(families, 'nv_inference_count', iris), 3);
  assert.equal(numberOf(families, 'nv_inference_exec_count', iris), 1);
  assert.equal(numberOf(families, 'nv_inference_request_duration_us', iris), 400);
  assert.equal(numberOf(families, 'nv_inference_queue_duration_us', iris), 30);
  assert.equal(numberOf(families, 'nv_inference_compute_infer_duration_us', iris), 100);
  assert.equal(numberOf(families, 'nv_inference_request_failure', { ...iris, reason: 'REJECTED' }), 1);
  assert.equal(numberOf(families, 'nv_inference_request_failure', { ...iris, reason: 'BACKEND' }), 0);
});

test('the queues of a version that is being reloaded are one series', (t) => {
  const families = busyNode(t);
  assert.equal(numberOf(families, 'nv_inference_pending_request_count', { model: 'iris', version: '1' }), 3);
  assert.equal(numberOf(families, 'tidegate_pending_bytes', { model: 'iris', version: '1' }), 42);
});

test('faces, errors, workers, memory and callers are told', (t) => {
  const families = busyNode(t);
  assert.equal(numberOf(families, 'tidegate_requests_total', { model: 'iris', version: '1', face: 'websocket' }), 1);
  assert.equal(numberOf(families, 'tidegate_errors_total', { face: 'http', code: 'QUEUE_FULL' }), 1);
  assert.equal(numberOf(families, 'tidegate_worker_busy_us_total'), 13);
  assert.equal(numberOf(families, 'tidegate_worker_lost_total'), 1);
  assert.equal(numberOf(families, 'tidegate_worker_restarts_total'), 3);
  assert.equal(numberOf(families, 'tidegate_open_streams'), 6);
  assert.equal(numberOf(families, 'tidegate_batch_rows_sum', { model: 'iris', version: '1' }), 3);
  assert.ok(numberOf(families, 'tidegate_process_resident_bytes') > 0);
  assert.equal(
    numberOf(families, 'tidegate_build_info', { version: '1.2.3', socket: 'node:net', node: process.version }),
    1,
  );
});

test('a model of any name is a label', (t) => {
  const statistics = new Statistics();
  statistics.executed(versionOf('a "b"\\\n', 1, 1), 1, 1, stages(0, 1));
  const families = parseExposition(metricsOf(t, statistics).expose());
  assert.equal(numberOf(families, 'nv_inference_exec_count', { model: 'a "b"\\\n' }), 1);
});

test('a version that never ran has counters of zero, and no histograms', (t) => {
  const statistics = new Statistics();
  statistics.of('idle', 1);
  const families = parseExposition(metricsOf(t, statistics).expose());
  assert.equal(numberOf(families, 'nv_inference_count', { model: 'idle' }), 0);
  assert.deepEqual(families.get('tidegate_request_us')?.samples, []);
});

test('every family is in docs/metrics.md with its kind, its labels and its help, and nothing else is', (t) => {
  const text = readFileSync(join(CHECKOUT, 'docs', 'metrics.md'), 'utf8');
  const documented = text.split('\n').filter((line) => /^\| `(nv|tidegate)_/.test(line));
  const rows = [...busyNode(t).values()].map(documentedRow);
  assert.deepEqual([...documented].sort(), [...rows].sort());
});

/** | `name` | kind | labels | help | */
function documentedRow({ name, type, help, samples }: Family): string {
  assert.ok(samples.length > 0, `${name} has a sample`);
  const labels = Object.keys(samples[0].labels).filter((label) => label !== 'le');
  return `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`;
}
