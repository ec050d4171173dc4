import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { CHECKOUT } from '../harness/checkout.js';

const VersionsSchema = z.record(z.string(), z.string()).default({});
const PackageSchema = z.object({
  license: z.string().optional(),
  dependencies: VersionsSchema,
  optionalDependencies: VersionsSchema,
  devDependencies: VersionsSchema,
});

function packageAt(...path: string[]): z.infer<typeof PackageSchema> {
  return PackageSchema.parse(JSON.parse(readFileSync(join(CHECKOUT, ...path, 'package.json'), 'utf8')));
}

const own = packageAt();
const direct = Object.keys({ ...own.dependencies, ...own.optionalDependencies, ...own.devDependencies });
const rows = readFileSync(join(CHECKOUT, 'docs', 'dependencies.md'), 'utf8')
  .split('\n')
  .map((line) => /^\| `([^`]+)` \| ([^|]+) \|/.exec(line))
  .filter((match) => match !== null);

test('docs/dependencies.md has every direct dependency, and no other', () => {
  assert.deepEqual(rows.map(([, name]) => name).sort(), [...direct].sort());
});

test('it names the licence that each package states', () => {
  for (const [, name, licence] of rows) {
    // An optional one may be missing where the platform has no binary for it.
    if (name in own.optionalDependencies) continue;
    assert.equal(licence, packageAt('node_modules', name).license, name);
  }
});

test('every version is exact', () => {
  const versions = Object.values({ ...own.dependencies, ...own.optionalDependencies, ...own.devDependencies });
  for (const version of versions) assert.match(version, /^(npm:[a-z-]+@)?\d+\.\d+\.\d+$/);
});
