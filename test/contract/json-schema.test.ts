import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { jsonSchemas } from '../../contract/json-schema.js';

for (const [name, schema] of Object.entries(jsonSchemas())) {
  test(`contract/schema/${name} is what the validating schema says (npm run schema writes it)`, () => {
    const written: unknown = JSON.parse(
      readFileSync(new URL(`../../../contract/schema/${name}`, import.meta.url), 'utf8'),
    );
    assert.deepEqual(written, JSON.parse(JSON.stringify(schema)));
  });
}
