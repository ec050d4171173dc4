import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Measurement } from '../../../../control-plane/drift/statistics/measurement.js';
import { FIXTURES } from '../../../harness/checkout.js';

/** JSON has neither NaN nor infinities: test/python/drift_cases.py writes them as null and as text. */
const ValueSchema = z.union([z.number(), z.string(), z.null()]);
const AnswersSchema = z.record(z.string(), ValueSchema);
const ColumnSchema = z.object({
  name: z.string(),
  kind: z.enum(['numeric', 'categorical']),
  integer: z.boolean(),
  reference: z.array(ValueSchema),
  current: z.array(ValueSchema),
});
const UnivariateSchema = z.object({
  name: z.string(),
  scipy: AnswersSchema,
  evidently: AnswersSchema,
  nannyml: AnswersSchema,
});

export type Column = z.infer<typeof ColumnSchema>;
export type Answers = z.infer<typeof AnswersSchema>;

export function fixture<T>(name: string, schema: z.ZodType<T>): T {
  return schema.parse(JSON.parse(readFileSync(join(FIXTURES, 'drift', name), 'utf8')));
}

export function univariateFixture(): readonly {
  readonly column: Column;
  readonly answers: z.infer<typeof UnivariateSchema>;
}[] {
  const columns = ['columns.json', 'edge-columns.json'].flatMap((name) => fixture(name, z.array(ColumnSchema)));
  const answers = new Map(fixture('univariate.json', z.array(UnivariateSchema)).map((each) => [each.name, each]));
  return columns.map((column) => {
    const found = answers.get(column.name);
    if (found === undefined) throw new Error(`univariate.json knows no ${column.name}`);
    return { column, answers: found };
  });
}

export function numbers(values: Column['reference']): Float64Array {
  return Float64Array.from(values, (value) =>
    value === null ? Number.NaN : Number(String(value).replace('inf', 'Infinity')),
  );
}

export function texts(values: Column['reference']): (string | null)[] {
  return values.map((value) => (value === null ? null : String(value)));
}

/** The agreement that is promised: 1e-6, of the larger of the two for numbers above 1. */
export const TOLERANCE = 1e-6;

export function assertClose(actual: number, expected: number, what: string): void {
  const allowed = TOLERANCE * Math.max(1, Math.abs(expected));
  assert.ok(Math.abs(actual - expected) <= allowed, `${what}: ${actual}, the library says ${expected}`);
}

/** `constant` is our word for what the libraries answer with NaN, or with a statistic of 0 and a p of 1. */
export function assertMeasure(
  measurement: Measurement | undefined,
  part: 'value' | 'p',
  expected: number | string | null | undefined,
  what: string,
): void {
  if (expected === undefined) return;
  assert.ok(measurement !== undefined, `${what}: not measured`);
  if (measurement.absence !== undefined) {
    assert.equal(measurement.absence, 'constant', what);
    assert.ok(expected === null || expected === (part === 'p' ? 1 : 0), `${what}: the library says ${expected}`);
    return;
  }
  const actual = measurement[part];
  assert.ok(typeof expected === 'number' && actual !== undefined, `${what}: ${actual}, the library says ${expected}`);
  assertClose(actual, expected, what);
}
