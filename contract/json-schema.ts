import { z } from 'zod';
import { LimitsSchema } from './limits.js';
import { ManifestSchema } from './manifest.js';

/**
 * The schemas that validate, as JSON Schema (2020-12) for editors and other languages, by file name in contract/schema/. `npm run schema`
 * writes them; a test fails when they differ.
 */
export function jsonSchemas(): Readonly<Record<string, unknown>> {
  return {
    'model.schema.json': {
      title: 'model.yaml: the manifest beside a model',
      ...z.toJSONSchema(ManifestSchema, { io: 'input' }),
    },
    'limits.schema.json': { title: 'limits of one node', ...z.toJSONSchema(LimitsSchema, { io: 'input' }) },
  };
}
