import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../../client/index.js', import.meta.url));

/** What the compiled module and those that it imports need, as they stand in their `from` and `import()`. */
function needs(file: string, seen: Set<string>): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const source = readFileSync(file, 'utf8');
  const names = [...source.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)'([^']+)'/g)].map(([, name]) => name);
  return names.flatMap((name) =>
    name.startsWith('.') ? needs(fileURLToPath(new URL(name, `file://${file}`)), seen) : [name],
  );
}

test('the client runs in browsers: it needs no package but ws, which is asked for only where there is no WebSocket', () => {
  const seen = new Set<string>();
  assert.deepEqual(needs(ENTRY, seen), ['ws']);
  assert.ok(seen.size > 8, 'all of its modules were looked at');
});
