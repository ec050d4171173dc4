import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SOCKETS, startRuntime } from '../harness/runtime.js';
import { uwsMissing } from '../harness/uws.js';
import { pythonWith, runChecks } from './environment.js';
import { clientModels } from './models.js';

const environment = await pythonWith('requirements.txt');
const noPython =
  'missing' in environment ? `${environment.missing}; their recorded requests are sent all the same` : false;

for (const socket of SOCKETS) {
  for (const script of ['with_tritonclient.py', 'with_kserve.py']) {
    const skip = noPython || (socket === 'uws' && uwsMissing);
    test(`the unchanged Python client is served by ${socket}: ${script}`, { skip }, async (t) => {
      if ('missing' in environment) return;
      const { port } = await startRuntime(t, await clientModels(t), { socket });
      const results = await runChecks(environment.python, script, `127.0.0.1:${port}`);
      assert.ok(results.length > 5, `only ${results.length} checks ran`);
      for (const { name, ok, why } of results) {
        await t.test(name, () => assert.ok(ok, why));
      }
    });
  }
}
