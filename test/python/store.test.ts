import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startStoreProcess } from '../harness/store-process.js';
import { pythonWith, runChecks } from './environment.js';

const environment = await pythonWith('store-requirements.txt');

test('clickhouse-connect is served unchanged', { skip: 'missing' in environment && environment.missing }, async (t) => {
  if ('missing' in environment) return;
  const { port } = await startStoreProcess(t);
  const results = await runChecks(environment.python, 'with_clickhouse_connect.py', `127.0.0.1:${port}`);
  assert.ok(results.length >= 10, `only ${results.length} checks ran`);
  for (const { name, ok, why } of results) {
    await t.test(name, () => assert.ok(ok, why));
  }
});
