import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { realColumns } from '../control-plane/drift/statistics/real-columns.js';
import { FIXTURES, temporaryFolder } from '../harness/checkout.js';
import { PYTHON_SOURCES, pythonWith, runProgram } from '../python/environment.js';

/** Evidently and NannyML bring 2.5 GB with them. */
const INSTALL_MS = 400_000;
const RUN_MS = 150_000;
/** Other processors round sums differently in their last digits. */
const TOLERANCE = 1e-9;
const MADE = [
  'edge-columns.json',
  'univariate.json',
  'kolmogorov.json',
  'corrections.json',
  'detectors.json',
  'classifier.json',
  'reconstruction.json',
  'binary.json',
  'performance.json',
];

function assertSame(actual: unknown, expected: unknown, path: string): void {
  if (typeof actual === 'number' && typeof expected === 'number') {
    const allowed = TOLERANCE * Math.max(1, Math.abs(expected));
    assert.ok(Math.abs(actual - expected) <= allowed, `${path}: ${actual}, kept is ${expected}`);
  } else if (typeof actual === 'object' && typeof expected === 'object' && actual !== null && expected !== null) {
    assert.deepEqual(Object.keys(actual), Object.keys(expected), path);
    const kept = new Map<string, unknown>(Object.entries(expected));
    for (const [key, value] of Object.entries(actual)) assertSame(value, kept.get(key), `${path}.${key}`);
  } else {
    assert.equal(actual, expected, path);
  }
}

function json(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

test('the columns that parity is shown on are those of the data sets', async () => {
  assert.deepEqual(await realColumns(), json(join(FIXTURES, 'drift', 'columns.json')));
});

test('scipy, Evidently, NannyML, River, scikit-learn and statsmodels still say what is kept', async (t) => {
  const found = await pythonWith('drift-requirements.txt', INSTALL_MS);
  if ('missing' in found) {
    t.skip(found.missing);
    return;
  }
  const folder = await temporaryFolder(t, 'drift-parity');
  const columns = join(folder, 'columns.json');
  await writeFile(columns, readFileSync(join(FIXTURES, 'drift', 'columns.json')));
  const script = join(PYTHON_SOURCES, 'drift_parity.py');
  const { ok, output } = await runProgram(found.python, ['-B', script, columns, folder], RUN_MS);
  assert.ok(ok, output);
  for (const name of MADE) assertSame(json(join(folder, name)), json(join(FIXTURES, 'drift', name)), name);
});
