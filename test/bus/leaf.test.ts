import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectBus } from '../../bus/connection.js';
import { keyOf } from '../../bus/declarations.js';
import { siteSeed } from '../../bus/server/keys.js';
import { createLog } from '../../std/log.js';
import { until } from '../harness/ask.js';
import { startNatsProcess } from '../harness/nats-process.js';

const log = createLog({ level: 'fatal', format: 'json', service: 'test', node: 'test' });

/** One that was free a moment ago: the hub has to be told, for sites must know it. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

test('the nodes of a site hear the hub through their own server, may do no more than nodes, and go on when the line is back', async (t) => {
  const port = await freePort();
  const hub = await startNatsProcess(t, ['--nats-leaf-port', String(port)]);
  const control = await hub.connect(t);
  const seed = await siteSeed(join(hub.directory, 'nats'), 'prod', 'site-7');
  hub.child.kill('SIGHUP');
  const line = ['--nats-hub-url', `nats://127.0.0.1:${port}`, '--nats-hub-seed-file', seed];
  const site = await startNatsProcess(t, line);
  const node = await connectBus(await site.nodeSettings('edge-1'), log, 'node', true);
  t.after(() => node.connection.close());
  const desired = await control.bucket('desired');
  await desired.put(keyOf('prod', 'flights'), 'v1');
  const read = async () => (await (await node.bucket('desired')).get(keyOf('prod', 'flights')))?.string();
  await until('the line is up', () =>
    read().then(
      (text) => text === 'v1',
      () => false,
    ),
  );
  await (await node.bucket('nodes')).put(keyOf('prod', 'edge-1'), 'alive');
  assert.equal((await (await control.bucket('nodes')).get(keyOf('prod', 'edge-1')))?.string(), 'alive');
  await assert.rejects((await node.bucket('nodes')).put(keyOf('prod', 'edge-2'), 'a lie'), /ermissions? [Vv]iolation/);
  const master = await connectBus(site.settings, log, 'control');
  t.after(() => master.connection.close());
  await assert.rejects(master.bucket('desired').then((bucket) => bucket.put(keyOf('prod', 'flights'), 'v2')));
  assert.equal(await read(), 'v1', 'a site changes nothing');
  await hub.kill();
  await assert.rejects(read());
  await hub.restart();
  await until('the hub is back', () => control.isConnected);
  await desired.put(keyOf('prod', 'flights'), 'v3');
  await until('the line is back', () =>
    read().then(
      (text) => text === 'v3',
      () => false,
    ),
  );
});
