import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { TidegateError } from '../../../contract/error.js';
import { Tally } from '../../../loadtest/open-loop/tally.js';
import { htmlOf } from '../../../loadtest/report/html.js';
import { isLate, LoadResultSchema, loadResult, readLoadResult } from '../../../loadtest/report/load-result.js';
import { markdownOf } from '../../../loadtest/report/markdown.js';
import { CHECKOUT } from '../../harness/checkout.js';

function tally(latencies_us: readonly number[], late_us: number): Tally {
  const made = new Tally();
  for (const latency_us of latencies_us) {
    made.ended('ok', latency_us);
    made.lateness.record(late_us);
  }
  made.ended('refused', 300);
  made.ended('failed', 300);
  made.dropped = 2;
  return made;
}

const quick = Array.from({ length: 96 }, (_, at) => 200 + at);
const phases = [
  { name: 'calm', duration_ms: 1000, from_per_s: 100, to_per_s: 100 },
  { name: 'rush <b>', duration_ms: 500, from_per_s: 200, to_per_s: 200 },
];
const plan = {
  face: 'http',
  host: '127.0.0.1',
  port: 8080,
  phases,
  arrivals: 'poisson',
  seed: 3,
  threads: 1,
  requests: [],
  connections: 8,
  max_waiting: 100,
  drain_ms: 100,
  window_ms: 500,
  answers_per_connection: 0,
} as const;
const outcome = {
  began: new Date(0),
  phases: [tally(quick, 10), tally([5_000_000], 900_000)],
  windows: [tally(quick, 10), tally([], 0), tally([5_000_000], 900_000)],
};
const result = loadResult('steady', plan, outcome);

function refused(text: string): string {
  try {
    readLoadResult(text, 'r.json');
  } catch (thrown) {
    assert.ok(thrown instanceof TidegateError);
    return thrown.message;
  }
  return assert.fail('it was read');
}

test('a result survives its file, and says what was measured', () => {
  assert.deepEqual(readLoadResult(JSON.stringify(result), 'r.json'), result);
  const [calm, rush] = result.phases;
  assert.deepEqual([calm.offered, calm.ok, calm.refused, calm.failed, calm.dropped], [100, 96, 1, 1, 2]);
  assert.equal(calm.offered_per_s, 100);
  assert.equal(rush.ok_per_s, 2);
  assert.equal(rush.max_us, 5_000_000);
  assert.ok(rush.p99_us <= rush.max_us);
});

test('a phase in which the generator was late is marked, wherever the result is shown', () => {
  assert.equal(result.phases[0].generator_late, false);
  assert.equal(result.phases[1].generator_late, true);
  assert.equal(isLate(900, 100), false, 'below a millisecond is what timers give');
  assert.equal(isLate(5000, 100_000), false, 'a twentieth of what was measured');
  assert.equal(isLate(5000, 20_000), true);
  assert.match(markdownOf(result), /\| rush <b> \(generator late\) \|/);
  assert.match(htmlOf(result), /class="warning">The generator was late itself in rush/);
});

test('a result file of another version, of another program, or damaged is refused with the reason', () => {
  assert.match(refused(JSON.stringify({ ...result, version: 7 })), /r\.json is a result of version 7.*reads version 1/);
  assert.match(refused('{"format":"other"}'), /no result of npm run load/);
  assert.match(refused('not JSON'), /is not JSON/);
  assert.match(refused(JSON.stringify({ ...result, phases: [] })), /damaged.*phases/s);
});

test('the table has a row for each phase', () => {
  const rows = markdownOf(result)
    .split('\n')
    .filter((line) => line.startsWith('| '));
  assert.equal(rows.length, 3);
  assert.match(rows[1], /^\| calm \| 100 \| 96\.0 \| 2\d\d µs \| 29\d µs .*\| 1 \| 1 \| 2 \|$/);
});

test('the page loads nothing from anywhere, escapes what it shows, and has its four plots', () => {
  const page = htmlOf(result);
  assert.doesNotMatch(page, /https?:|<script|<link|<img|url\(|@import/);
  assert.doesNotMatch(page, /rush <b>/);
  assert.equal(page.match(/<svg /g)?.length, 4);
  assert.doesNotMatch(page, /NaN|Infinity|undefined/);
  assert.match(page, /prefers-color-scheme:dark/);
});

test('a load without any answer makes a page too', () => {
  const nothing = loadResult('steady', plan, { ...outcome, phases: [tally([], 0), tally([], 0)], windows: [] });
  assert.doesNotMatch(htmlOf(nothing), /NaN|Infinity|undefined/);
  assert.match(htmlOf(nothing), /nothing was measured/);
});

test('the published JSON Schema is the one that the program checks with (npm run load -- --schema writes it)', () => {
  const published: unknown = JSON.parse(
    readFileSync(join(CHECKOUT, 'loadtest/report/load-result.schema.json'), 'utf8'),
  );
  assert.deepEqual(published, z.toJSONSchema(LoadResultSchema));
});
