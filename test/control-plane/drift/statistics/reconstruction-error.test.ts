import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import type { FeatureColumn } from '../../../../control-plane/drift/statistics/feature-matrix.js';
import {
  fitComponents,
  reconstructionError,
  reconstructionThresholds,
} from '../../../../control-plane/drift/statistics/reconstruction-error.js';
import { judgeByChunks } from '../../../../control-plane/drift/statistics/verdict.js';
import { assertClose, fixture } from './parity-fixture.js';

const CHUNK = 100;
const RowsSchema = z.array(z.array(z.union([z.number(), z.string(), z.null()])));
const ResultSchema = z.object({
  components: z.number(),
  values: z.array(z.number()),
  upper: z.number(),
  lower: z.number(),
  alert: z.array(z.boolean()),
});
const { reference, current, numeric, ...expected } = fixture(
  'reconstruction.json',
  z.object({
    numeric: z.array(z.string()),
    numeric_only: ResultSchema,
    mixed: ResultSchema,
    reference: RowsSchema,
    current: RowsSchema,
  }),
);

function columns(rows: z.infer<typeof RowsSchema>, names: readonly string[]): FeatureColumn[] {
  return names.map((name, at) => {
    const kind = numeric.includes(name) ? 'numeric' : 'categorical';
    return { name, kind, values: rows.map((row) => row[at]) };
  });
}

function chunks(rows: z.infer<typeof RowsSchema>, names: readonly string[]): FeatureColumn[][] {
  const count = Math.floor(rows.length / CHUNK);
  return Array.from({ length: count }, (_, i) => columns(rows.slice(i * CHUNK, (i + 1) * CHUNK), names));
}

for (const [name, names] of [
  ['numeric_only', numeric],
  ['mixed', [...numeric, 'category']],
] as const) {
  test(`${name}: reconstruction errors and thresholds are NannyML's`, () => {
    const components = fitComponents(columns(reference, names));
    const answer = expected[name];
    assert.equal(components.directions.length, answer.components);
    const thresholds = reconstructionThresholds(components, chunks(reference, names));
    assert.ok(thresholds !== undefined);
    assertClose(thresholds.high, answer.upper, 'upper threshold');
    assertClose(thresholds.low, answer.lower, 'lower threshold');
    const errors = [...chunks(reference, names), ...chunks(current, names)].map((chunk) =>
      reconstructionError(components, chunk),
    );
    assert.equal(errors.length, answer.values.length);
    for (const [i, error] of errors.entries()) {
      assert.ok(error.absence === undefined);
      assertClose(error.value, answer.values[i], `chunk ${i}`);
      assert.equal(judgeByChunks(error.value, thresholds).verdict, answer.alert[i] ? 'drift' : 'ok');
    }
  });
}

test('constant columns, nulls only, and windows without rows do not break it', () => {
  const column = (name: string, values: (number | string | null)[]): FeatureColumn => ({
    name,
    kind: typeof values[0] === 'string' ? 'categorical' : 'numeric',
    values,
  });
  const fitted = fitComponents([column('a', [1, 1, 1]), column('b', [null, null, null]), column('c', ['x', 'x', 'x'])]);
  const same = reconstructionError(fitted, [column('a', [1]), column('b', [null]), column('c', ['x'])]);
  assert.ok(same.absence === undefined && same.value === 0);
  const empty = reconstructionError(fitted, [column('a', []), column('b', []), column('c', [])]);
  assert.equal(empty.absence, 'noData');
  assert.throws(() => reconstructionError(fitted, [column('a', [1])]), /no column b/);
});
