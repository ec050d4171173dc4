import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { until } from '../harness/ask.js';
import { startControlProcess } from '../harness/control-process.js';
import { tidegate } from './command.js';

test('operations are listed and shown, and one that has ended cannot be cancelled', async (t) => {
  // Nothing listens there: what is begun fails, and says why.
  const { url } = await startControlProcess(t, 'http://127.0.0.1:9');
  const begun = await fetch(`${url}/v1/models/m/references`, {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    body: JSON.stringify({ window: { from: '2h', to: '1h' } }),
  });
  assert.equal(begun.status, 202);
  const { id } = z.object({ id: z.string() }).parse(await begun.json());
  const env = { TIDEGATE_CONTROL_URL: url };
  let listed = '';
  await until('it has failed', async () => {
    listed = (await tidegate(['operations', 'list', '--state', 'failed'], { env })).stdout;
    return listed.includes(id);
  });
  assert.match(listed, /failed +local +make a reference of m/);
  const shown = await tidegate(['operations', 'show', id], { env });
  assert.match(shown.stdout, /^make a reference of m: failed\nClickHouse does not answer: .+ \(STORE_UNAVAILABLE\)\n$/);
  const json = await tidegate(['operations', 'show', id, '--json'], { env });
  assert.equal(z.object({ state: z.string() }).parse(JSON.parse(json.stdout)).state, 'failed');
  const late = await tidegate(['operations', 'cancel', id], { env });
  assert.deepEqual([late.code, /is failed already \(CONFLICT\)/.test(late.stderr)], [3, true]);
  assert.equal((await tidegate(['operations', 'show', 'op-none'], { env })).code, 3);
});
