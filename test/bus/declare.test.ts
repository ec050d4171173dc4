import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectBus } from '../../bus/connection.js';
import { BUCKETS, keyOf, nameIn, STREAMS } from '../../bus/declarations.js';
import { declareAll } from '../../bus/declare.js';
import { createLog } from '../../std/log.js';
import { until } from '../harness/ask.js';
import { startNatsProcess } from '../harness/nats-process.js';

const log = createLog({ level: 'fatal', format: 'json', service: 'test', node: 'test' });

test('everything is declared once, whoever comes first, and a second time changes nothing', async (t) => {
  const nats = await startNatsProcess(t);
  const bus = await nats.connect(t);
  await Promise.all([declareAll(bus), declareAll(bus)]);
  const { streams } = await bus.manager();
  const names: string[] = [];
  for await (const stream of streams.list()) names.push(stream.config.name);
  const buckets = Object.values(BUCKETS).map(({ name }) => `KV_${name}`);
  assert.deepEqual(names.sort(), [...STREAMS.map(({ name }) => name), ...buckets, 'OBJ_tg_artifacts'].sort());
});

test('what differs is changed, and what is kept stays', async (t) => {
  const nats = await startNatsProcess(t);
  const bus = await nats.connect(t);
  const desired = await bus.bucket('desired');
  await desired.put(keyOf('prod', 'flights'), 'kept');
  const { streams } = await bus.manager();
  const { config } = await streams.info('KV_tg_desired');
  await streams.update('KV_tg_desired', { ...config, max_msgs_per_subject: 3, description: 'of an earlier release' });
  await declareAll(bus);
  const changed = await streams.info('KV_tg_desired');
  assert.equal(changed.config.max_msgs_per_subject, BUCKETS.desired.history);
  assert.equal((await desired.get(keyOf('prod', 'flights')))?.string(), 'kept');
});

test('what was acknowledged is there after kill -9, on the same port, and the connection comes back by itself', async (t) => {
  const nats = await startNatsProcess(t);
  const bus = await nats.connect(t);
  const desired = await bus.bucket('desired');
  const revision = await desired.create(keyOf('prod', 'a.b'), '1');
  await nats.kill();
  await until('the connection has noticed', () => !bus.isConnected);
  await nats.restart();
  await until('the connection is back', () => bus.isConnected);
  const entry = await desired.get(keyOf('prod', 'a.b'));
  assert.equal(entry?.string(), '1');
  assert.equal(entry?.revision, revision);
  await assert.rejects(desired.update(keyOf('prod', 'a.b'), '2', revision + 1), /wrong last sequence/);
  await desired.update(keyOf('prod', 'a.b'), '2', revision);
});

test('a node reads what it should serve, speaks for itself, and nothing else', async (t) => {
  const nats = await startNatsProcess(t);
  const control = await nats.connect(t);
  await (await control.bucket('desired')).put(keyOf('prod', 'flights'), 'v1');
  const settings = await nats.nodeSettings('edge.1');
  const node = await connectBus(settings, log, 'node', true);
  t.after(() => node.connection.close());
  const desired = await node.bucket('desired');
  assert.equal((await desired.get(keyOf('prod', 'flights')))?.string(), 'v1');
  const watch = await desired.watch({ key: 'prod.*' });
  const heard: string[] = [];
  const hearing = (async () => {
    for await (const entry of watch) {
      heard.push(entry.string());
      if (heard.length === 2) return;
    }
  })();
  await (await control.bucket('desired')).put(keyOf('prod', 'flights'), 'v2');
  await hearing;
  assert.deepEqual(heard, ['v1', 'v2']);
  await (await node.bucket('nodes')).put(keyOf('prod', 'edge.1'), 'alive');
  assert.equal((await (await control.bucket('nodes')).get(keyOf('prod', 'edge.1')))?.string(), 'alive');
  const refused = /[Pp]ermissions? [Vv]iolation/;
  await assert.rejects((await node.bucket('nodes')).put(keyOf('prod', 'edge.2'), 'a lie'), refused);
  await assert.rejects(desired.put(keyOf('prod', 'flights'), 'v3'), refused);
  await assert.rejects(desired.destroy(), refused);
  const artifacts = await control.artifacts();
  await artifacts.putBlob({ name: 'sha256:1' }, new TextEncoder().encode('bytes'));
  const own = await node.artifacts();
  assert.equal(new TextDecoder().decode((await own.getBlob('sha256:1')) ?? new Uint8Array()), 'bytes');
  await assert.rejects(own.putBlob({ name: 'sha256:2' }, new Uint8Array(1)), refused);
});

test('who is not known is refused, and told what to look at', async (t) => {
  const nats = await startNatsProcess(t);
  await assert.rejects(connectBus({ ...nats.settings, nats_seed_file: '' }, log, 'control'), (thrown) => {
    assert.match(String(thrown), /does not take a connection: .*uthoriz.*nats_seed_file/s);
    return true;
  });
  await assert.rejects(
    connectBus({ ...nats.settings, nats_seed_file: '/nowhere' }, log, 'control'),
    /nats_seed_file names \/nowhere/,
  );
  await assert.rejects(
    connectBus({ ...nats.settings, nats_url: 'nats://127.0.0.1:1' }, log, 'control'),
    /127\.0\.0\.1:1/,
  );
});

test('a name with dots is one level of a key, and comes back; another environment is nobody’s name', () => {
  assert.equal(keyOf('prod', 'a..b.'), 'prod.a==b=');
  assert.equal(nameIn('prod', 'prod.a==b='), 'a..b.');
  assert.equal(nameIn('prod', 'prod2.a'), undefined);
  assert.equal(nameIn('a', keyOf('a.b', 'c')), undefined);
});
