// `npm run schema`: writes contract/schema/ from the schemas that validate. Needs a build.
import { writeFile } from 'node:fs/promises';
import { jsonSchemas } from '../dist/contract/json-schema.js';

for (const [name, schema] of Object.entries(jsonSchemas())) {
  await writeFile(new URL(`../contract/schema/${name}`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
  console.log(`contract/schema/${name}`);
}
