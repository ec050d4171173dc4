import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FIXTURES, temporaryFolder } from '../harness/checkout.js';
import { PYTHON_SOURCES, pythonWith, runProgram } from '../python/environment.js';

const INSTALL_MS = 400_000;
const RUN_MS = 150_000;

/** All numbers of a document, in their order. */
function numbers(path: string): number[] {
  const found: number[] = [];
  JSON.parse(readFileSync(path, 'utf8'), (_, value: unknown) => {
    if (typeof value === 'number') found.push(value);
    return value;
  });
  return found;
}

test('scipy still says of sequential tests what is kept', async (t) => {
  const found = await pythonWith('rollout-requirements.txt', INSTALL_MS);
  if ('missing' in found) {
    t.skip(found.missing);
    return;
  }
  const folder = await temporaryFolder(t, 'rollout-parity');
  const script = join(PYTHON_SOURCES, 'rollout_sequential.py');
  const { ok, output } = await runProgram(found.python, ['-B', script, folder], RUN_MS);
  assert.ok(ok, output);
  const kept = numbers(join(FIXTURES, 'rollout', 'sequential.json'));
  const now = numbers(join(folder, 'sequential.json'));
  assert.ok(kept.length > 30);
  assert.equal(now.length, kept.length);
  // The joint normal distribution is integrated at random points.
  for (const [i, value] of now.entries()) assert.ok(Math.abs(value - kept[i]) <= 1e-4 * Math.max(1, Math.abs(kept[i])));
});
