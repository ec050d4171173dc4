import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Exposition, labelText } from '../../runtime/observe/exposition.js';
import { Histogram } from '../../runtime/observe/histogram.js';
import { parseExposition } from './prometheus-text.js';

test('labels and help of any text read back as they were', () => {
  const hostile = fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '{', '}', ',', '=', ' ', 'é', '🦊') });
  fc.assert(
    fc.property(hostile, hostile, (model, other) => {
      const out = new Exposition();
      out.family('things', 'counter', 'Some things', [[labelText({ model, other }), 3]]);
      const [sample] = parseExposition(out.toString()).get('things')?.samples ?? [];
      assert.deepEqual(sample, { name: 'things', labels: { model, other }, value: 3 });
    }),
  );
});

test('help stays on its line', () => {
  const out = new Exposition();
  out.value('things', 'gauge', 'one\ntwo \\ three', 1);
  assert.equal(out.toString(), '# HELP things one\\ntwo \\\\ three\n# TYPE things gauge\nthings 1\n');
});

test('numbers are written as Prometheus reads them', () => {
  const out = new Exposition();
  const values = [0, -1.5, 1e21, 1e-7, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  out.family(
    'numbers',
    'gauge',
    'Numbers',
    values.map((value, index) => [labelText({ index: String(index) }), value] as const),
  );
  const samples = parseExposition(out.toString()).get('numbers')?.samples ?? [];
  assert.deepEqual(
    samples.map(({ value }) => value),
    values,
  );
});

test('a histogram is cumulative, ends with +Inf and has a sum and a count, with labels and without', () => {
  const histogram = new Histogram([1, 10]);
  for (const value of [0.5, 5, 50]) histogram.record(value);
  const out = new Exposition();
  out.histogram('sizes', 'Sizes', [
    ['', histogram],
    [labelText({ model: 'iris' }), histogram],
  ]);
  const lines = out
    .toString()
    .split('\n')
    .filter((line) => line.includes('iris'));
  assert.deepEqual(lines, [
    'sizes_bucket{model="iris",le="1"} 1',
    'sizes_bucket{model="iris",le="10"} 2',
    'sizes_bucket{model="iris",le="+Inf"} 3',
    'sizes_sum{model="iris"} 55.5',
    'sizes_count{model="iris"} 3',
  ]);
  assert.equal(parseExposition(out.toString()).get('sizes')?.samples.length, 10);
});
